"""Run 5: the entropy of each slot's conditional distribution."""

from support import one_run

if __name__ == "__main__":
    one_run.main("exp4_conditional_entropy", __doc__)
