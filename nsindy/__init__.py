"""Neural SINDy: the equation behind a time series, from a library of grokked operations."""
