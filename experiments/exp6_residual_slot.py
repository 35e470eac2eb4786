"""Run 7: each slot is trained on the explicit residual of the slots before it."""

from support import common

if __name__ == "__main__":
    common.main("exp6_residual_slot", __doc__)
