"""Run 5: the entropy of each slot's conditional distribution."""

from support import common

if __name__ == "__main__":
    common.main("exp4_conditional_entropy", __doc__)
