"""Many runs on any hardware.

Enters: a pure function of a key and a setting, seeds and a grid of settings. Leaves: its values
with leading axes [C, S]. Read `grid` (`over`, the sweep), `blocks` (how it is cut and compiled),
`chunks` (what is finished, on disk), `machines` (devices and processes) and `progress` (what a
person sees). None of it changes a result: each run's key comes from its own seed.
"""
