"""Choosing terms by solving the equations.

Enters: a library, a support and measured states. Leaves: coefficients fitted to the measurements
themselves, with the trajectory linearised in all terms. Read `shooting` (segments with exact
sensitivities), `gauss_newton` (many fits of segments side by side), then `single` (one recording as
one trajectory, through diffrax) and `tangent` (its linearisation and the Cramér–Rao bound).
"""
