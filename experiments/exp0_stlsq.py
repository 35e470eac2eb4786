"""Run 1: STLSQ on the rank-deficient library; it fits exactly and reads badly."""

from support import common

if __name__ == "__main__":
    common.main("exp0_stlsq", __doc__)
