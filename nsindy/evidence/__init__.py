"""Choosing terms by closed forms, on arrays alone.

Enters: Θ and Ẋ, compressed once to a triangular factor, and a prior over supports. Leaves:
supports with their coefficients, residual sums and evidences in nats. Read `regression` (least
squares of many supports from one factor), `beam` (the search over slots, neighbours and exact
ties) and `residuals` (white and autocorrelated noise). Nothing here knows what a term is.
"""
