"""Choosing terms by gradients: Runs 1 to 8.

Enters: Θ [N, M], one derivative [N] and the complexities of the terms. Leaves: logits and
coefficients of K slots. Read `gumbel` (the draws), `gates` (top-k and straight-through),
`entropies`, `settings` (what a router is and the knobs that a sweep varies), `training` (the loss,
and one run as one scan), `gradients` (the same in closed form) and `stlsq` (Run 1, by thresholds).
"""
