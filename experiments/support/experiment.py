"""What a script sweeps over the oscillator, and how it runs: one frozen value, made in `main`."""

import argparse
import dataclasses
import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.circuits import stacks
from nsindy.paper import one_seed, summary
from nsindy.paper.outcomes import Data
from nsindy.paper.runs import Run
from nsindy.paper.simulate import Measurement
from nsindy.paper.systems import DAMPED_OSCILLATOR
from nsindy.routers.settings import RouterKnobs
from nsindy.runtime import files, programs
from nsindy.sweep import machines, progress
from nsindy.sweep.grid import Plan
from nsindy.terms import library, term
from nsindy.terms.library import Library
from nsindy.trajectories import single

SYSTEM = DAMPED_OSCILLATOR
HOW = (
    "out",
    "resume",
    "quiet",
    "memory_gb",
    "devices",
    "cpu_devices",
    "coordinator",
    "processes",
    "process",
)
"""Fields that say how a sweep runs, not what is swept."""


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A sweep over seeds; the defaults are those of the command line.

    Attributes:
      out: folder of the results.
      seeds: number of seeds.
      seed0: the first of them.
      samples: of a recording.
      train_fraction: share of the samples to train on.
      step: time between samples, in s.
      noise: standard deviation of the measurement noise.
      stiffness: k, in 1/s².
      damping: c, in 1/s.
      x0: initial position.
      v0: initial velocity.
      derivatives: "analytic" at the clean states, or "estimated" from the noisy ones.
      library: "shipped" circuits, the "exact" functions, or a file of circuits.
      gates: "sample" for a draw for each sample and step, "shared" for one for all samples; None
        where nothing is drawn.
      steps: of training; None or 0 for the run's own.
      slots: of an equation; None for the run's own.
      knobs: those of a router that differ from the run's own, by name.
      resume: go on with the finished chunks in `out`.
      quiet: no progress.
      memory_gb: most memory, in GiB.
      devices: of each process; None for all.
      cpu_devices: to split the processor into; None leaves it as it is.
      coordinator: HOST:PORT of process 0 of a run on several machines.
      processes: of that run.
      process: which of them this one is, from 0.
    """

    out: str
    seeds: int = 32
    seed0: int = 0
    samples: int = 600
    train_fraction: float = 0.8
    step: float = 0.05
    noise: float = 1e-3
    stiffness: float = 1.0
    damping: float = 0.1
    x0: float = 1.0
    v0: float = 0.0
    derivatives: str = "analytic"
    library: str = "shipped"
    gates: str | None = None
    steps: int | None = None
    slots: int | None = None
    knobs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    resume: bool = False
    quiet: bool = False
    memory_gb: float = 4.0
    devices: int | None = None
    cpu_devices: int | None = None
    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Experiment":
        """The experiment that a command line asks for; what it cannot ask for has its default."""
        fields = {field.name for field in dataclasses.fields(cls)}
        words = vars(options)
        knobs = {name: value for name, value in words.items() if name in RouterKnobs._fields}
        return cls(**{name: words[name] for name in fields & words.keys()}, knobs=knobs)

    @property
    def config(self) -> dict[str, Any]:
        """What is swept, as JSON values."""
        values = dataclasses.asdict(self)
        values |= values.pop("knobs")
        return {k: v for k, v in values.items() if k not in HOW and v is not None}

    @property
    def every_seed(self) -> np.ndarray:
        """The seeds [S]."""
        return np.arange(self.seed0, self.seed0 + self.seeds)

    @property
    def measurement(self) -> Measurement:
        """How the oscillator is recorded."""
        return Measurement(
            args=jnp.array([self.stiffness, self.damping]),
            initial=jnp.array([self.x0, self.v0]),
            step=jnp.asarray(self.step),
            noise=jnp.asarray(self.noise),
        )

    def plan(self, **identity: Any) -> Plan:
        """How its sweeps run.

        Args:
          **identity: what is swept besides `config`, or in its place, as JSON values.
        """
        return Plan(
            memory=self.memory_gb,
            devices=self.devices,
            folder=Path(self.out) / "chunks",
            resume=self.resume,
            identity=self.config | identity,
            tell=progress.teller(quiet=self.quiet or not machines.leader()),
        )

    def record(self, key: jax.Array, bound: Library, measurement: Measurement) -> Data:
        """One seed's recording of the oscillator with its library.

        Args:
          key: PRNG key, consumed.
          bound: the library of M terms.
          measurement: in place of the experiment's own, traced.
        """
        return one_seed.record_system(
            key,
            SYSTEM,
            bound,
            measurement,
            samples=self.samples,
            estimate=self.derivatives == "estimated",
            train_fraction=self.train_fraction,
        )

    def configure(self, run: Run) -> Run:
        """The run with the experiment's settings and knobs.

        Raises:
          ValueError: more slots are asked for than the library has terms.
        """
        times = np.array([0.0, self.samples * self.step])
        steps = single.steps_for(times, rate=max(1.0, math.sqrt(abs(self.stiffness))))
        run = dataclasses.replace(run, search=dataclasses.replace(run.search, steps=steps))
        if run.routing is None:
            return run
        routing = dataclasses.replace(
            run.routing,
            steps=self.steps or run.routing.steps,
            slots=self.slots or run.routing.slots,
            shared=self.gates == "shared",
        )
        count = len(term.paper_terms(SYSTEM.states)) - len(run.drop)
        if routing.slots > count:
            raise ValueError(f"--slots {routing.slots} is more than the library's {count} terms")
        return dataclasses.replace(run, routing=routing, knobs=run.knobs._replace(**self.knobs))

    def begin(self) -> Path:
        """Join the hardware, and make the folder of the results where they are written."""
        machines.start(
            cpu_devices=self.cpu_devices,
            coordinator=self.coordinator,
            processes=self.processes,
            process=self.process,
        )
        if not machines.leader():
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115, for the rest of the process
        start()
        return files.check_folder(self.out) if machines.leader() else Path(self.out)

    def finish(self) -> None:
        """Delete the chunks once the summary holds every run."""
        if machines.leader() and self.seeds <= summary.SHOWN:
            shutil.rmtree(Path(self.out) / "chunks", ignore_errors=True)


def start() -> None:
    """Double precision for the data, and a compilation cache in the user's cache directory."""
    jax.config.update("jax_enable_x64", True)
    programs.keep_compiled(seconds=0.1)


def bind(names: Sequence[str], kind: str, states: Sequence[str] = SYSTEM.states) -> Library:
    """The library of the named terms, evaluated by what `--library` names."""
    if kind == "exact":
        return library.bind(names, states)
    path = stacks.SHIPPED if kind == "shipped" else kind
    return library.bind(names, states, stacks.load_stacks(path)[0])
