"""Every run of the paper, and ours, as data: the differences between runs are this table."""

import dataclasses

from nsindy.routers.settings import RouterKnobs, Routing

__all__ = ["DEFAULTS", "REFERENCES", "RUNS", "SEARCH", "Run", "Search"]

DEFAULTS = RouterKnobs()


@dataclasses.dataclass(frozen=True)
class Search:
    """What shapes a search over supports that trajectories judge, static under jit.

    Attributes:
      slots: most terms in an equation; more than needed does no harm.
      width: number of supports that are fitted side by side.
      steps: solver steps of a trajectory.
    """

    slots: int = 4
    width: int = 8
    steps: int = 150


SEARCH = Search()


@dataclasses.dataclass(frozen=True)
class Run:
    """A named way to select terms; hashable, a static argument of jit.

    Attributes:
      name: the experiment's name, and that of its script.
      title: what a table calls it.
      method: which of `selectors.SELECTORS` it is.
      paper: what the paper saw, in its words; empty for runs that it does not have.
      routing: static settings of a router; None without one.
      knobs: traced settings of a router, and their defaults.
      thresholds: of STLSQ, of which the best on the validation samples wins.
      ridge: of STLSQ.
      search: static settings of a search that trajectories judge.
      drop: terms that the library goes without.
      relative: a coefficient counts as zero below this share of the largest of its equation.
    """

    name: str
    title: str
    method: str
    paper: str = ""
    routing: Routing | None = None
    knobs: RouterKnobs = DEFAULTS
    thresholds: tuple[float, ...] = (0.01, 0.025, 0.05, 0.1, 0.2)
    ridge: float = 0.01
    search: Search = SEARCH
    drop: tuple[str, ...] = ()
    relative: float = 0.01


_TOP_TWO = DEFAULTS._replace(anneal_fraction=0.625)
_CONDITIONAL = _TOP_TWO._replace(alpha=1.5, conditional_entropy=0.05)

RUNS: dict[str, Run] = {
    run.name: run
    for run in (
        Run(
            "exp0_stlsq",
            "Run 1: STLSQ",
            "stlsq",
            "x' = -0.333 id(x) + 0.667 id(v) + 0.332 add; "
            "v' = -0.632 id(x) + 0.268 id(v) - 0.368 add; MSE 1e-6",
        ),
        Run(
            "exp1_softmax_soup",
            "Run 2: softmax soup",
            "router",
            "43.8 % id(v) in x', 19.2 % id(x) in v'; MSE 5e-3",
            Routing(slots=1, steps=3000, explores=True, state_dependent=True),
        ),
        Run(
            "exp2_scalar_router",
            "Run 3: scalar router",
            "router",
            "x' = 1.0265 sin(v) at 99.7 %; v' = -1.0138 sin(x) at 99.2 %; MSE 1.2e-3",
            Routing(slots=1, steps=3000),
            DEFAULTS._replace(base_entropy=0.05),
        ),
        Run(
            "exp3_topk_prior",
            "Run 4: top-2 and prior",
            "router",
            "x' = 1.0000 id(v); v' = -0.9853 id(x), slot 2 on id(v) at 27 %; MSE 3e-4",
            Routing(slots=2, steps=4000),
            _TOP_TWO._replace(alpha=1.0, base_entropy=0.05),
        ),
        Run(
            "exp4_conditional_entropy",
            "Run 5: conditional entropy",
            "router",
            "slot 2 of v' on id(v) at 34 %, damping -0.034; MSE 2.42e-4",
            Routing(slots=2, steps=4000),
            _CONDITIONAL,
        ),
        Run(
            "exp5_drop_add",
            "Run 6: without add",
            "router",
            "",
            Routing(slots=2, steps=4000),
            _CONDITIONAL,
            drop=("add(x,v)",),
        ),
        Run(
            "exp6_residual_slot",
            "Run 7: residual slot",
            "router",
            "",
            Routing(slots=2, steps=4000, residual=True),
            _CONDITIONAL,
        ),
        Run(
            "exp7_freeze_slot",
            "Run 8: frozen slot",
            "router",
            "",
            Routing(slots=2, steps=4000),
            _CONDITIONAL._replace(freeze_at=0.9),
        ),
        Run("exp8_evidence_router", "Run 9: evidence, trajectories", "evidence", relative=0.0),
    )
}
"""The runs by name, in the order of the paper."""

REFERENCES: dict[str, Run] = {
    run.name: run
    for run in (
        Run("best_subset", "best subset of all 2^8, BIC", "best subset", relative=0.0),
        Run("oracle", "oracle: true support, told", "oracle", relative=0.0),
    )
}
"""What the runs are held against: the ceiling of regression, and of any method."""
