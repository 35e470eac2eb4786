"""Run 4: top-2 without replacement, straight-through, with a complexity prior."""

from support import one_run

if __name__ == "__main__":
    one_run.main("exp3_topk_prior", __doc__)
