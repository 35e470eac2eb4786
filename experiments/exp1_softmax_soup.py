"""Run 2: a state-dependent Gumbel-softmax router without an entropy term."""

from support import common

if __name__ == "__main__":
    common.main("exp1_softmax_soup", __doc__)
