"""Run 9: supports by closed-form evidence, judged by trajectories of the measured states."""

from support import common

if __name__ == "__main__":
    common.main("exp8_evidence_router", __doc__)
