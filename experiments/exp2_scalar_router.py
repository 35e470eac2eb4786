"""Run 3: one logit vector a derivative, one-hot, with an entropy penalty."""

from support import one_run

if __name__ == "__main__":
    one_run.main("exp2_scalar_router", __doc__)
