"""Run 7: each slot is trained on the explicit residual of the slots before it."""

from support import one_run

if __name__ == "__main__":
    one_run.main("exp6_residual_slot", __doc__)
