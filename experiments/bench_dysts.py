"""Chaotic flows of dysts with noise: exact terms and errors of coefficients, PySINDy beside it.

All 78 flows at five levels of noise take hours; --flows, --every and --noise run a part. What was
finished is kept in --out, flow by flow, and the same command goes on with it.
"""

import argparse
import functools
import time
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import sympy
from peers import dysts_flows, pysindy_weak
from peers.dysts_flows import Flow, Polynomial
from support import command_line, experiment, written

import nsindy
from nsindy.cli import Parser
from nsindy.paper import figures
from nsindy.runtime import files

NOISE = (0.0, 0.001, 0.01, 0.05, 0.2)
METHODS = ("nsindy", "pysindy")


def main() -> None:
    """Parse, discover, count, write summary and figure."""
    options = Parser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = options.add_argument
    add("--flows", nargs="+", metavar="NAME", help="some of the flows; all without it")
    add("--every", type=command_line.positive, default=1, help="every n-th of the flows")
    share = command_line.number(low=0)
    add("--noise", type=share, nargs="+", default=list(NOISE), help="shares of each state")
    add("--recordings", type=command_line.positive, default=5, help="recordings of a flow")
    add("--periods", type=command_line.number(low=1), default=10, help="length of a recording")
    add("--samples", type=command_line.at_least(10), default=100, help="samples in a period")
    limit = "after which a search of nsindy's ends with what it has; none without it"
    add("--seconds", type=command_line.number(low=1), help=limit)
    add("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="what is fitted")
    lengths = "periods of one recording of Lorenz's flow, for noise against length; none without it"
    add("--lengths", type=command_line.number(low=1), nargs="+", default=[], help=lengths)
    add("--out", default="out/dysts", help="folder for summary.json, figure.png and flows/")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every flow with every noise, each line printed as it comes."""
    out = files.check_folder(options.out)
    experiment.start()
    every = dysts_flows.flows()
    names = [flow.name for flow in every]
    unknown = sorted(set(options.flows or ()) - set(names))
    if unknown:
        raise ValueError(f"no flow is called {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [f for f in every if not options.flows or f.name in options.flows][:: options.every]
    rows = []
    for flow in chosen:
        for noise in options.noise:
            rows += kept(out, flow, noise, options, options.recordings, options.periods)
    lines = []
    for periods in options.lengths:
        for noise in options.noise:
            lines += kept(out, dysts_flows.lorenz(), noise, options, 1, periods)
    content = {
        **written.origin(),
        "flows": [flow.name for flow in chosen],
        "of": len(every),
        "table": table(rows),
        "rows": rows,
        "lorenz": lines,
    }
    files.write_json(out / "summary.json", content)
    figures.save_figure(picture(rows), out / "figure.png")
    for row in content["table"]:
        print(row)


def kept(
    out: Path,
    flow: Flow,
    noise: float,
    options: argparse.Namespace,
    count: int,
    periods: float,
) -> list[dict[str, Any]]:
    """What each method finds, from its file where it was finished before."""
    rows = []
    for method in options.methods:
        size = f"{count}x{periods:g}x{options.samples}"
        path = out / "flows" / f"{flow.name}_{size}_{noise:g}_{method}.json"
        asked = flow, noise, method, count, periods, options.samples, options.seconds
        row = written.once(path, functools.partial(judged, *asked))
        print(
            f"{row['flow']:<20}{noise:>7.1%} {method:<8}exact {row['exact']!s:<6}"
            f"error {row['error']:.1e}  {row['seconds']:.1f} s",
            flush=True,
        )
        rows.append(row)
    return rows


def judged(
    flow: Flow,
    noise: float,
    method: str,
    count: int,
    periods: float,
    samples: int,
    limit: float | None,
) -> dict[str, Any]:
    """Fit one flow, and compare with its truth.

    The error is |Ξ - Ξ_true| / |Ξ_true| over all coefficients: 1 where the recording is refused.
    """
    times, clean = dysts_flows.recordings(flow, count=count + 1, periods=periods, samples=samples)
    # The last recording is the test data of the peer.
    seed = sum(map(ord, flow.name))
    states = dysts_flows.noisy(clean[:-1], noise, seed)
    start = time.process_time()
    refused = ""
    try:
        if method == "nsindy":
            found = discovered(times[:-1], states, limit)
        else:
            found = pysindy_weak.fitted(flow, times[:-1], states, clean[-1])
    except ValueError as error:
        found, refused = [{} for _ in flow.truth], str(error)
    seconds = time.process_time() - start
    pairs = list(zip(found, flow.truth, strict=True))
    square = sum((own.get(p, 0.0) - c) ** 2 for own, true in pairs for p, c in true.items())
    square += sum(c**2 for own, true in pairs for p, c in own.items() if p not in true)
    size = sum(c**2 for true in flow.truth for c in true.values())
    return {
        "flow": flow.name,
        "noise": noise,
        "periods": periods,
        "method": method,
        "exact": all(own.keys() == true.keys() for own, true in pairs),
        "error": float(np.sqrt(square / size)),
        "seconds": seconds,
        "refused": refused,
        "equations": [{str(p): c for p, c in own.items()} for own in found],
    }


def discovered(
    times: list[np.ndarray], states: list[np.ndarray], limit: float | None
) -> list[Polynomial]:
    """What nsindy finds of first order; a term that is no product counts as one of no power."""
    discovery = nsindy.discover(times, states, order=1, seconds=limit)
    symbols = [sympy.Symbol(name) for name in discovery.states]
    found = []
    for expression in discovery.to_sympy():
        own: Polynomial = {}
        for place, term in enumerate(sympy.Add.make_args(sympy.expand(expression))):
            one = dysts_flows.monomials(term, symbols)
            own |= {(-1 - place,): 1.0} if one is None else one
        found.append(own)
    return found


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each noise and method: how many are exact, and the coefficients' errors."""
    found = []
    for method in METHODS:
        for noise in sorted({row["noise"] for row in rows}):
            some = [r for r in rows if (r["method"], r["noise"]) == (method, noise)]
            if some:
                errors = np.array([row["error"] for row in some])
                seconds = np.array([row["seconds"] for row in some])
                found.append(
                    {
                        "method": method,
                        "noise": noise,
                        "flows": len(some),
                        "exact": sum(row["exact"] for row in some),
                        "median_error": float(np.median(errors)),
                        "below_1_percent": int(np.sum(errors < 0.01)),
                        "median_seconds": float(np.median(seconds)),
                        "longest_seconds": float(np.max(seconds)),
                    }
                )
    return found


def picture(rows: list[dict[str, Any]]):
    """Errors of coefficients against noise, a point for each flow."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    levels = sorted({row["noise"] for row in rows})
    for shift, method in zip((-0.12, 0.12), METHODS, strict=True):
        own = [row for row in rows if row["method"] == method]
        places = [levels.index(row["noise"]) + shift for row in own]
        errors = [max(row["error"], 1e-8) for row in own]
        axes.scatter(places, errors, s=24, label=method)
    axes.set_xticks(range(len(levels)), [f"{level:.1%}" for level in levels])
    axes.set_yscale("log")
    axes.axhline(0.01, color="0.7", linewidth=1)
    counts = {
        method: f"{sum(row['exact'] for row in rows if row['method'] == method)} of "
        f"{sum(row['method'] == method for row in rows)}"
        for method in METHODS
    }
    said = ", ".join(f"{method} {count}" for method, count in counts.items())
    axes.set_title(f"Chaotic flows with exactly the true terms: {said}", fontsize=10)
    axes.set_xlabel("noise, share of each state's root mean square")
    axes.set_ylabel("error of the coefficients, relative (line: 1 %)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
    axes.margins(x=0.3)
    return figure


if __name__ == "__main__":
    main()
