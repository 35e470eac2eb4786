"""Run 3: one logit vector a derivative, one-hot, with an entropy penalty."""

from support import common

if __name__ == "__main__":
    common.main("exp2_scalar_router", __doc__)
