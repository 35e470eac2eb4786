"""Choosing terms by closed forms, on arrays alone.

Enters: Θ and Ẋ, compressed once to a triangular factor, and a prior over supports. Leaves:
supports with their coefficients, residual sums and evidences in nats. Read `regression` (least
squares of many supports from one factor), `prior` and `score` (the one formula of a support's
evidence), then `projection` (what each further column would explain) and what rests on it: `beam`
(the search over slots), `around` (the supports one step away), `slots` (how sure each slot is).
`ties` tells supports apart that fit the same, `residuals` white from autocorrelated noise. Nothing
here knows what a term is.
"""
