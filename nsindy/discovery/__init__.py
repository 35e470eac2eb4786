"""A recording becomes equations."""
