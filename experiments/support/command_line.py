"""Options, and errors in a sentence: what a script does before it computes."""

import argparse
import dataclasses
import math
import os
import sys
import traceback
from collections.abc import Callable

import jax

from nsindy.cli import Parser
from nsindy.paper.runs import Run
from support.experiment import Experiment

KNOBS = {
    "learning_rate": "peak of Adam's cosine schedule",
    "temperature_start": "τ at the first step",
    "temperature_end": "τ after the annealing",
    "anneal_fraction": "share of the steps over which τ falls",
    "first_step": "the number of the first step in the schedule of τ, 1 or 0",
    "alpha": "strength of the complexity prior, in nats",
    "error_weight": "weight of an equation's mean squared error; 0.5 for the mean over both",
    "base_entropy": "weight of the entropy of the base distribution",
    "conditional_entropy": "weight of the slots' conditional entropies",
    "exploration": "weight of the gates' entropy over the batch, where a run explores",
    "explore_above": "τ above which it does",
    "freeze_at": "probability from which slot 1 is frozen; above 1 for never",
    "initial_coefficient": "mean of the coefficients before training",
    "initial_spread": "standard deviation of the coefficients before training",
}


LATER = ("gates", "steps", "slots", "knobs")
"""Fields of an experiment whose options, where a script has them, are its own."""


def parser(description: str | None, out: str) -> argparse.ArgumentParser:
    """The options of a recording and a sweep, which every experiment takes."""
    options = Parser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--seeds", type=positive, help="number of seeds")
    add("--seed0", type=int, help="the first seed")
    add("--samples", type=at_least(10), help="samples of a recording")
    add(
        "--train-fraction",
        type=number(low=0.1, high=0.9),
        help="share of the samples to train on, the others validate",
    )
    add("--step", type=number(low=0, open_low=True), help="time between them, in s")
    add("--noise", type=number(low=0), help="standard deviation of the noise")
    add("--stiffness", type=number(), help="k, in 1/s²")
    add("--damping", type=number(), help="c, in 1/s")
    add("--x0", type=number(), help="initial position")
    add("--v0", type=number(), help="initial velocity")
    add(
        "--derivatives",
        choices=("analytic", "estimated"),
        help="analytic at the clean states, or estimated from the noisy ones",
    )
    add(
        "--library",
        help="'shipped' circuits, the 'exact' functions, or a file of circuits",
    )
    add("--out", default=out, help="folder for summary.json and figure.png")
    add_sweep_options(options)
    fields = dataclasses.fields(Experiment)
    options.set_defaults(
        **{each.name: each.default for each in fields if each.name not in ("out", *LATER)}
    )
    return options


def add_sweep_options(options: argparse.ArgumentParser) -> None:
    """How a sweep runs: hardware, memory, what was done before. None changes a result."""
    add = options.add_argument_group("how it runs, which changes no result").add_argument
    add("--resume", action="store_true", help="go on with the finished chunks in --out")
    add("--quiet", action="store_true", help="no progress")
    most = Experiment.memory_gb
    add("--memory-gb", type=number(low=0, open_low=True), default=most, help="most memory, in GiB")
    add("--devices", type=positive, help="devices of each process; all without it")
    add("--cpu-devices", type=positive, help="devices to split the processor into; they take turns")
    add("--coordinator", metavar="HOST:PORT", help="of process 0 of a run on several machines")
    add("--processes", type=positive, metavar="P", help="processes of that run")
    add("--process", type=at_least(0), metavar="I", help="which of them this one is, from 0")


def add_router_options(options: argparse.ArgumentParser, run: Run) -> None:
    """Options of a trained router, with the run's own settings as defaults."""
    if run.routing is None:
        return
    add = options.add_argument
    add("--steps", type=positive, default=run.routing.steps, help="training steps")
    add("--slots", type=positive, default=run.routing.slots, help="slots of an equation")
    add(
        "--gates",
        choices=("sample", "shared"),
        default="sample",
        help="a draw for each sample and step, or one for all samples",
    )
    for name, meaning in KNOBS.items():
        above = name in ("temperature_start", "temperature_end")
        add(
            f"--{name.replace('_', '-')}",
            type=number(low=0 if above else None, open_low=above),
            default=getattr(run.knobs, name),
            help=meaning,
        )


def at_least(low: int):
    """Parser of a whole number of at least `low`."""

    def whole(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text}") from None
        if value < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}, not {value}")
        return value

    return whole


positive = at_least(1)


def number(low: float | None = None, high: float = math.inf, *, open_low: bool = False):
    """Parser of a finite number from `low` to `high`, above `low` with `open_low`."""

    def parsed(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"must be finite, not {text}")
        if low is not None and (value < low or (open_low and value == low)):
            bound = "above" if open_low else "at least"
            raise argparse.ArgumentTypeError(f"must be {bound} {low:g}, not {text}")
        if value > high:
            raise argparse.ArgumentTypeError(f"must be at most {high:g}, not {text}")
        return value

    return parsed


def fail_early(action: Callable[[], None]) -> None:
    """Turn an error of input, of a full disk or of Ctrl-C into one sentence and a non-zero exit.

    With several processes this one ends at once: the usual way out waits for the others, which
    wait for this one.
    """
    try:
        action()
    except ValueError as error:
        words, code = f"error: {error}", 1
    except OSError as error:
        words, code = f"error: {error.filename or 'cannot write'}: {error.strerror}", 1
    except KeyboardInterrupt as error:
        words, code = f"interrupted: {error}" if str(error) else "interrupted", 130
    except Exception:
        if jax.process_count() == 1:
            raise
        words, code = traceback.format_exc(), 1
    else:
        return
    print(words, file=sys.stderr, flush=True)
    if jax.distributed.is_initialized():
        os._exit(code)
    sys.exit(code)
