"""Choosing terms by solving the equations.

Enters: a library, a support and measured states. Leaves: coefficients fitted to the measurements
themselves, with the trajectory linearised in all terms. Read `linearised` (a trajectory to first
order, the one place that knows its columns), `flow` (a vector field that is no sum of terms),
`shooting` (segments with exact sensitivities), `chain` (segments linked to trajectories),
`stretches` (their initial values eliminated), `gauss_newton` (one fit of segments), `side_by_side`
(many) and `inner_numbers` (one with the numbers inside its terms), then `single` (one recording as
one trajectory, through diffrax), `single_fit` (fitted by Levenberg–Marquardt, and its evidence) and
`tangent` (its linearisation and the Cramér–Rao bound).
"""
