"""The paper's study: Phases 1 to 3 and Runs 1 to 9 on a damped oscillator.

Enters: a system, a measurement and a seed. Leaves: what each run selects, judged term by term
against the truth. Read `systems` and `simulate` (recordings of known truth), `savitzky_golay`
(derivatives of noisy states), `runs` (every run as a frozen config), `outcomes` (what one seed
yields), `selectors` (every way to select), `one_seed` (one seed of one run), `recovery` (Run 9's
trajectories), `metrics`, `summary` and `summary_file` (judging and writing), `figures` and
`phase_figures` (drawing).
"""
