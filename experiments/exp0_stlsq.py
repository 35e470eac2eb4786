"""Run 1: STLSQ on the rank-deficient library; it fits exactly and reads badly."""

from support import one_run

if __name__ == "__main__":
    one_run.main("exp0_stlsq", __doc__)
