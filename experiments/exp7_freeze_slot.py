"""Run 8: slot 1 is frozen once it has committed, then slot 2 is trained alone."""

from support import one_run

if __name__ == "__main__":
    one_run.main("exp7_freeze_slot", __doc__)
