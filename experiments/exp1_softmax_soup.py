"""Run 2: a state-dependent Gumbel-softmax router without an entropy term."""

from support import one_run

if __name__ == "__main__":
    one_run.main("exp1_softmax_soup", __doc__)
