"""Run 9: supports by closed-form evidence, judged by trajectories of the measured states."""

from support import one_run

if __name__ == "__main__":
    one_run.main("exp8_evidence_router", __doc__)
