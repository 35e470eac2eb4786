"""Operations learned by networks (Phase 1).

Enters: the exact function of an operation, or samples of it. Leaves: stacks of trained networks,
saved and loaded, and single circuits as plain functions. Read `network` (the architecture),
`recipes` (how each operation is trained), `training` (the trainer and the evidence of grokking),
`polish` (the last digits), `stacks` (P networks as one, and their file), `learn` (a user's own
operation) and `snap` (which exact operation a circuit is).
"""
