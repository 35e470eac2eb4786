"""What acts from outside, and what sensors make of what is inside.

Read the modules in this order:

  readings       what inputs are between the rows: held or straight, and how late
  sensor_lag     sensors that follow what they measure
  forcing        a wave of the time, a step in it, or the time itself, that was not measured
  forcing_hints  what shows that one may be missing
  forced         a search with one input more, which was not measured
  beside_terms   what a column that the library lacks would explain, beside its terms
  lines          the waves that smoothed derivatives show
  waves_in_time  a search with a wave, alone or times states
  breaks         the moments at which rates change, as smoothed derivatives show them
  steps_in_time  a search with a step at a time that is fitted, alone or times states
"""
