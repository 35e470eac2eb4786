"""Run 4: top-2 without replacement, straight-through, with a complexity prior."""

from support import common

if __name__ == "__main__":
    common.main("exp3_topk_prior", __doc__)
