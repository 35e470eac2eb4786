"""A recording and a question become a problem that can be searched.

Enters: the parts of a recording, checked, and what is asked of them. Leaves: a `problem.Prepared`:
scaled and smoothed states, the candidate terms, and their columns along the recording.

Read the modules in this order:

  question        what is asked
  known           what a person knows: given coefficients, the terms that are free, signs
  equal           coefficients that are equal, or in a ratio, across equations
  thinning        long recordings averaged in blocks
  splines         bases, penalties, and the likeliest smoothness
  smoothing       one state smoothed, and the kind of its noise by likelihood
  signals         a recording in scaled units, and what is asked of it
  smooth_signals  recordings scaled and smoothed
  segmentation    recordings cut into the segments that equations are fitted on
  dictionary      the candidate terms
  number_grids    which numbers are tried inside terms, for the values that variables have
  kinds           what may hold a number that is fitted: sin(w x), x/(K + x), y/(K x + y), …
  screening       a large library: which of its terms each equation is searched with
  gauge           the coordinate of a state that was not measured
  linear_gauge    those in which equations are linear
  gauge_scan      those in which equations are short
  weak_form       integrals against test functions in place of derivatives
  term_columns    Θ on the smoothed states, and which terms have a value there
  problem         what is searched, and the way back to the units of the recording
  building        such a problem made from recordings, units and a question
"""
