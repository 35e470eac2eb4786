"""Run 8: slot 1 is frozen once it has committed, then slot 2 is trained alone."""

from support import common

if __name__ == "__main__":
    common.main("exp7_freeze_slot", __doc__)
