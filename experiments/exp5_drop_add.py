"""Run 6: Exp 4 without add, so that the library has full rank."""

from support import one_run

if __name__ == "__main__":
    one_run.main("exp5_drop_add", __doc__)
