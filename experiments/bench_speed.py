"""Speed, as ratios measured side by side in one run; compilation is timed apart."""

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from support import command_line, speed_answers, speed_cases, speed_fits, written

from nsindy.paper import figures
from nsindy.runtime import files


def main() -> None:
    """Measure, print the ratios beside their targets, write summary.json."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="out/speed", help="folder for summary.json")
    options.add_argument("--repeats", type=int, default=3, help="runs of which the fastest counts")
    options.add_argument("--quick", action="store_true", help="few seeds and steps, as a check")
    options.add_argument(
        "--waits", action="store_true", help="only what a person waits for: minutes"
    )
    options.add_argument("--pysindy", metavar="DIR", help="folder that PySINDy is imported from")
    options.add_argument("--device", choices=("cpu", "gpu"), help="no other; default: any")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def write_recording(path: Path) -> None:
    """600 noisy samples of the paper's oscillator, as the command reads them."""
    clean, _, times = speed_fits.recording()
    noise = 1e-3 * np.random.default_rng(0).normal(size=clean.shape)
    columns = np.column_stack([times, clean + noise])
    np.savetxt(path, columns, delimiter=",", header="t,x,v", comments="")


class Ratio(NamedTuple):
    """A measured number beside its target."""

    name: str
    value: float
    target: str


def execute(options: argparse.Namespace) -> None:
    """Measure, print and write."""
    backend = jax.default_backend()
    if options.device and backend != options.device:
        message = f"--device {options.device}: JAX finds only {backend} here; nothing written"
        raise ValueError(message)
    out = files.check_folder(options.out)
    if options.pysindy:
        sys.path.append(options.pysindy)
    jax.config.update("jax_enable_x64", True)
    repeats, quick = options.repeats, options.quick
    on_cpu = backend == "cpu"
    answers = speed_answers.waits(3 if quick else 20, options.pysindy) if on_cpu else None
    content = {**written.origin(), "device": jax.devices()[0].device_kind, "quick": quick}
    content["answers"] = answers
    if options.waits:
        content["ratios"] = show(waited(answers) if answers else [])
        files.write_json(out / "summary.json", content)
        print(f"wrote {out / 'summary.json'}")
        return
    measured = throughput(quick=quick, repeats=repeats)
    growth = speed_cases.growth(quick=quick, repeats=repeats)
    yardsticks = speed_cases.yardsticks(quick=quick, repeats=repeats)
    devices = speed_cases.devices(quick=quick) if on_cpu else []
    processes = speed_cases.processes(write_recording, quick=quick) if on_cpu else []
    rows = ratios(measured, yardsticks, devices, processes, quick=quick)
    if answers is not None:
        rows += waited(answers)
    content |= {
        "ratios": show(rows),
        "seconds": measured,
        "growth": growth,
        "yardsticks": yardsticks,
        "devices": devices,
        "processes": processes,
    }
    files.write_json(out / "summary.json", content)
    figures.save_figure(speed_cases.figure(growth), out / "figure.png")
    print(f"wrote {out / 'summary.json'} and {out / 'figure.png'}")


def show(rows: list[Ratio]) -> list[dict[str, Any]]:
    """Print, and return as JSON values."""
    for row in rows:
        print(f"{row.name:<54}{row.value:>10.2f}   target {row.target}")
    return [row._asdict() for row in rows]


def throughput(*, quick: bool, repeats: int) -> dict[str, dict[str, Any]]:
    """Seconds of every case; `quick` takes a quarter or a 64th of the seeds."""
    few, steps = (4, 100) if quick else (1, 4000)
    many = 1024 // few**3

    def exp4(seeds: int, *, shared: bool = False, samples: int = 600, repeats: int = repeats):
        return speed_fits.exp4(seeds, shared=shared, samples=samples, repeats=repeats, steps=steps)

    large = 6_000 if quick else 1_000_000
    return {
        "exp4_1_seed": exp4(1),
        "exp4_32_seeds": exp4(32 // few),
        "exp4_1024_seeds_shared": exp4(many, shared=True),
        "exp4_shared_600_samples": exp4(8, shared=True, repeats=5 * repeats),
        "exp4_shared_1000000_samples": exp4(8, shared=True, samples=large, repeats=5 * repeats),
        "stlsq_1024_draws": speed_fits.stlsq_throughput(many, repeats),
        "best_subset_1024_draws": speed_fits.subsets(many, repeats),
        "propose_1024_seeds": speed_fits.proposals(many, repeats),
        "trajectory_256_fits": speed_fits.trajectory_fits(256 // few**3, repeats),
    }


def ratios(
    measured: dict[str, dict[str, Any]],
    yardsticks: speed_cases.Row,
    devices: list[speed_cases.Row],
    processes: list[speed_cases.Row],
    *,
    quick: bool,
) -> list[Ratio]:
    """What is compared, with the target where there is one."""
    run = {name: row["run"] for name, row in measured.items()}
    many, shared = run["exp4_32_seeds"], run["exp4_1024_seeds_shared"]
    growth = run["exp4_shared_1000000_samples"] / run["exp4_shared_600_samples"]
    subsets, stlsq, fits = (
        measured[name]
        for name in ("best_subset_1024_draws", "stlsq_1024_draws", "trajectory_256_fits")
    )
    drawn = yardsticks["training_over_plain_draws"]
    # Of 32 seeds as of one: what one seed leaves idle is other cores, not time of its own.
    seeds = 8 if quick else 32
    one, several = (measured[f"exp4_{name}"] for name in ("1_seed", "32_seeds"))

    def faster(row: dict[str, Any], than: str) -> float:
        return row["fits_per_second"] / row[f"{than}_fits_per_second"]

    rows = [
        Ratio("Exp 4, 32 seeds, a draw a sample: seconds", many, "<= 10"),
        Ratio("Exp 4, 32 seeds : 1 seed", many / run["exp4_1_seed"], "<= 10"),
        Ratio(
            "processor time of a seed, one of 32 : alone", several["cpu"] / one["cpu"] / seeds, "–"
        ),
        Ratio("cores at work, 32 seeds : 1 seed", _cores(several) / _cores(one), "–"),
        Ratio("1,024 seeds shared : 32 seeds per sample", shared / many, "<= 4"),
        Ratio("shared, N = 1,000,000 : N = 600", growth, "<= 1.2"),
        Ratio(
            "Run 9, 1,024 seeds proposed : Exp 4, 32 seeds",
            run["propose_1024_seeds"] / many,
            "<= 1",
        ),
        Ratio("trajectory fits : SciPy loop, throughput", faster(fits, "scipy"), ">= 20"),
        Ratio("best subset of all 2^8 : NumPy loop, throughput", faster(subsets, "numpy"), "–"),
    ]
    if "pysindy_fits_per_second" in stlsq:
        title = "STLSQ over 1,024 draws : PySINDy loop, throughput"
        ratio = faster(stlsq, "pysindy")
        rows.append(Ratio(title, ratio, ">= 100"))
        for words, what in (
            ("had it to solve but once", "library_and_one_solve"),
            ("of Θ alone", "library"),
        ):
            rows.append(Ratio(f"the same, {words}", ratio * stlsq["run"] / stlsq[what], "–"))
    rows.append(Ratio("Exp 4, 32 seeds : as many plain Gumbel draws", drawn, "<= 2"))
    if devices:
        first, second = (row["run"] for row in devices)
        rows.append(Ratio("shared gates, 1 device : 2 devices in turn", first / second, "–"))
    rows += [
        Ratio(f"{row['command']}, {state}: seconds", row[f"{state}_seconds"], "–")
        for row in processes
        for state in ("cold", "warm")
    ]
    return rows


def _cores(row: dict[str, Any]) -> float:
    return row["cpu"] / row["run"]


def waited(answers: speed_answers.Waits) -> list[Ratio]:
    """The median and the worst of what a person waits for."""

    def both(title: str, seconds: list[float | None], target: str) -> list[Ratio]:
        known = [value for value in seconds if value is not None]
        if not known:
            return []
        return [
            Ratio(f"{title}, median", float(np.median(known)), target),
            Ratio(f"{title}, worst", float(np.max(known)), target),
        ]

    def each(key: str) -> list[float | None]:
        return [row[key] for row in answers.rows]

    def beside(key: str) -> list[float | None]:
        """As multiples of PySINDy's time on the same file."""
        pairs = zip(each(key), each("pysindy"), strict=True)
        return [mine / theirs if mine and theirs else None for mine, theirs in pairs]

    after = [seconds - answers.imports for seconds in each("seconds") if seconds]
    rows = [
        *both("a new file, warm cache: seconds", each("seconds"), "<= 3"),
        *both("the same after imports: seconds", [*after], "<= 1.5"),
        *both("the same, to the end of its report: seconds", each("report"), "–"),
        Ratio("imports of a discovery: seconds", answers.imports, "–"),
        *both("Python, a call on another size: seconds", each("second_call"), "<= 1"),
        *both("import pysindy and its grid: seconds", each("pysindy"), "–"),
        *both("a new file : PySINDy on the same", beside("seconds"), "–"),
        *both("a call on another size : PySINDy on the same", beside("second_call"), "–"),
        Ratio("a first file, empty cache, worst: seconds", max(answers.cold), "<= 12"),
        Ratio("nsindy warm: seconds", answers.warm, "–"),
    ]
    if answers.pysindy_import is not None:
        rows.append(Ratio("import pysindy: seconds", answers.pysindy_import, "–"))
    return rows


if __name__ == "__main__":
    main()
