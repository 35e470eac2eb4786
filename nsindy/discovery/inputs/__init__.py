"""What acts from outside.

Read the modules in this order:

  readings  what inputs are between the rows: held or straight, and how late
  forcing   a wave of the time, a step in it, or the time itself, that was not measured
"""
