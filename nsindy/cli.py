"""The command line: `nsindy discover recording.csv`."""

import argparse
import atexit
import contextlib
import dataclasses
import gc
import importlib.metadata
import io
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

__all__ = ["EXAMPLE", "main", "parser"]

EXAMPLE = """\
example, a swinging pendulum of which only the position was recorded:
  python -c "import math; print('t,x', *(f'{i / 20},{math.exp(-i / 400) * math.cos(i / 20)}' \
for i in range(400)), sep='\\n')" > swing.csv
  nsindy discover swing.csv --order 2
"""


PATIENCE = 150.0
"""Seconds after which a search ends that nobody has limited."""

_SAID = {
    "know": (
        "EQUATION",
        'what is known of an equation, "v\' = ... - 9.81*sin(x)": given coefficients stay, and '
        "the dots are what is to be found; may be repeated, as the next four",
    ),
    "free": ("TERMS", 'the only terms that an equation may hold besides, "v\' : x, v, sin(x)"'),
    "sign": ("SIGN", 'sign of a coefficient, "v in v\' < 0"'),
    "equal": (
        "TIE",
        "coefficients that are equal, or in a ratio, across equations, \"S I in I' = -S I in S'\"",
    ),
    "law": (
        "LAW",
        'equations to test beside what is found, "T\' = -k*(T - Ta)": other names than those of '
        "columns are numbers to fit; a semicolon parts the equations of several states; not of "
        "maps, and time is no variable of it",
    ),
}
"""Options of what a person says of the equations: what their value is called, and their help."""


class Parser(argparse.ArgumentParser):
    """Reports a wrong option in one sentence, like every other error."""

    def error(self, message: str):
        """Exit with the message only; `--help` lists the options."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    options = Parser(
        prog="nsindy",
        description="The differential equation behind a recording.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = importlib.metadata.version("nsindy")
    options.add_argument("--version", action="version", version=f"nsindy {version}")
    commands = options.add_subparsers(dest="command", metavar="COMMAND", required=True)
    discover = commands.add_parser(
        "discover",
        usage="nsindy discover FILE [FILE ...] [options]",
        help="find the equations of a recording; options: nsindy discover --help",
        description="Find the equations of a recording, print them, and write a report, its "
        "figures and discovery.json. No option is needed. Exit code 0: an equation was found; "
        "3: none, or an approximation; 2: a wrong option or recording.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = discover.add_argument
    _add_file_options(add)
    _add_question_options(add)
    add(
        "--seconds",
        type=_positive,
        default=PATIENCE,
        metavar="S",
        help="end the search after so many seconds with the best model so far, as Ctrl-C does; "
        f"default: {PATIENCE:.0f}, which few recordings need",
    )
    add(
        "--out", metavar="DIR", help="folder to write to; default: discovery/ beside the first file"
    )
    commands.add_parser(
        "warm",
        help="compile once what discoveries need, so that the first does not wait for it",
        description="Compile the programs of discoveries from recordings of 100 to 2,000 rows of "
        "one to three states, and keep them in the user's cache directory: a minute or two, once "
        "for a machine. NSINDY_CACHE=FOLDER keeps them elsewhere, NSINDY_CACHE=off nowhere.",
    )
    return options


def _add_file_options(add: Callable[..., object]) -> None:
    add(
        "files",
        nargs="+",
        metavar="FILE",
        help="table of numbers: text (CSV, tabs, spaces), .xlsx, .parquet, .json, .mat, .npy, "
        ".npz, any of them with .gz; - for standard input",
    )
    add("--time", metavar="T", help="column of times; default: t, time or the first that increases")
    add("--dt", type=_positive, metavar="S", help="time between rows, where no column has it")
    add("--by", metavar="ID", help="column that tells recordings apart, such as a subject")
    add("--states", nargs="+", metavar="X", help="columns of states; default: all others")
    inputs = "columns of inputs, such as a force; often told apart without it"
    add("--inputs", nargs="+", default=[], metavar="U", help=inputs)


def _add_question_options(add: Callable[..., object]) -> None:
    """What is asked of the recordings: by the names that `Question` has."""
    text = "2 if only positions were measured; by itself it is tried where order 1 explains nothing"
    add("--order", type=int, choices=(1, 2), help=text)
    add(
        "--operations",
        nargs="+",
        metavar="NAME",
        help="operations to try besides products of columns; default: all that suit the values",
    )
    add(
        "--operation",
        action="append",
        default=[],
        metavar="NAME=F",
        help="an operation of your own of x and one number, which is fitted, to try as well: "
        "'uptake = x / (K + x)'",
    )
    add("--degree", type=_count, metavar="N", help="most columns in a product; default: by samples")
    add(
        "--max-terms",
        type=_count,
        default=6,
        metavar="K",
        help="most terms in an equation (default 6)",
    )
    add(
        "--noise",
        nargs="+",
        type=_noise,
        metavar="S",
        help="standard deviation of the noise, if known: one number, or one for each state",
    )
    for name, (metavar, said) in _SAID.items():
        add(f"--{name}", action="append", default=[], metavar=metavar, help=said)
    add(
        "--map",
        action="store_true",
        help="find x[n+1] = f(x[n]), each row from the one before; no column of times is needed",
    )
    add(
        "--forcing",
        action=argparse.BooleanOptionalAction,
        help="look for a forcing in time that was not measured; default: where residuals show one",
    )
    add(
        "--hold",
        nargs="?",
        choices=("yes", "no", "since"),
        const="yes",
        help="inputs keep their value until the next row (no: they run straight to it; since: they "
        "have had it since the row before, as a sum or mean of that time); default: the likelier",
    )
    add(
        "--hidden",
        default="0",
        metavar="1|NAME",
        help="one state of the system was not measured; NAME calls it so (--hidden 1: h)",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
      arguments: words after `nsindy`; None for those of this process.

    Returns:
      exit code: 0; 3 if no equation of the library explains the recording, and what is printed is
      an approximation at best; 2 if the options or files cannot be used; 130 if interrupted; 1 for
      an error inside nsindy. Each of the last three comes with one line on standard error.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(words)
    if arguments is None:
        # The process is ours. Imports and traces make many objects and hardly a cycle, but Python
        # would look for cycles all the time, and once more at the end.
        gc.disable()
        atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        # Characters that the terminal cannot encode are shown as question marks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        if options.command == "warm":
            _warm()
        else:
            return _discover(options, shlex.join(["nsindy", *words]))
    except (ValueError, OSError) as error:
        return _fail(2, str(error))
    except KeyboardInterrupt:
        return _fail(130, "interrupted; nothing was written")
    except Exception as error:
        if os.environ.get("NSINDY_TRACEBACK"):
            raise
        kind = type(error).__name__
        return _fail(1, f"internal error, {kind}: {error}; NSINDY_TRACEBACK=1 shows where")
    return 0


def _fail(code: int, message: str) -> int:
    text = " ".join(message.split())
    print(f"error: {text if len(text) <= 1000 else text[:1000] + '…'}", file=sys.stderr)
    return code


def _discover(options: argparse.Namespace, command: str) -> int:
    from nsindy.recording import check

    recordings = check.read_recordings(
        options.files,
        time=options.time,
        states=options.states,
        inputs=options.inputs,
        by=options.by,
        dt=options.dt,
        steps=options.map,
    )
    out = Path(options.out) if options.out else Path(options.files[0]).parent / "discovery"
    with _folder(out):
        for note in recordings.notes:
            print(f"note: {note}")
        with _bar() as progress:
            progress("starting", 0.0)
            _start_jax()
            from nsindy.discovery.pipeline import from_recordings
            from nsindy.discovery.preparation.question import Question
            from nsindy.terms.own import read_operation

            asked = {field.name for field in dataclasses.fields(Question)}
            given = {name: value for name, value in vars(options).items() if name in asked}
            given |= {"order": options.order or 1, "either": options.order is None}
            given["own"] = [read_operation(text) for text in options.operation]
            given["hold"] = {"yes": True, "no": False}.get(options.hold, options.hold)
            question = Question(**given)
            discovery = from_recordings(
                recordings, question, seconds=options.seconds, progress=progress
            )
        # What a person waits for; the report needs large libraries, and follows.
        print(discovery, flush=True)
        for note in discovery.notes:
            if note not in recordings.notes:
                print(f"note: {note}", flush=True)
        for warning in discovery.warnings:
            print(f"warning: {warning}", flush=True)
        from nsindy.report.page import write_report

        discovery.save(out / "discovery.json")
        page = write_report(out, discovery, recordings, command=command)
    print(f"wrote {page} and {out / 'discovery.json'}")
    return 0 if discovery.verdict == "equation" else 3


def _warm() -> None:
    from nsindy.runtime import programs

    _start_jax()
    from nsindy.discovery.warm import warm

    with _bar() as show:
        warm(show)
    print(f"compiled programs are in {programs.cache_folder() or 'no folder: NSINDY_CACHE=off'}")


@contextlib.contextmanager
def _folder(out: Path) -> Iterator[None]:
    """Make the folder before the work, and remove it again if the work fails."""
    from nsindy.runtime import files

    new = not out.exists()
    files.check_folder(out)
    try:
        yield
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                out.rmdir()
        raise


def _start_jax() -> None:
    """Double precision on the processor, and a cache of compiled programs for the next run."""
    import jax

    from nsindy.runtime import programs

    jax.config.update("jax_enable_x64", True)
    if "JAX_PLATFORMS" not in os.environ:
        # A discovery is many small programs in turn, and a GPU takes longer to begin.
        jax.config.update("jax_platforms", "cpu")
    programs.keep_compiled(seconds=0.0)


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[str, float], None]]:
    """A progress bar on a terminal, with the time left; nothing if standard error is a file."""
    import tqdm

    form = "{desc:<36}{bar}{percentage:4.0f} % {elapsed} < {remaining}"
    with tqdm.tqdm(total=1.0, leave=False, disable=None, bar_format=form) as bar:

        def show(stage: str, share: float) -> None:
            bar.set_description(stage, refresh=False)
            bar.n = min(max(share, 0.0), 1.0)
            bar.refresh()

        yield show


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text}")
    return int(text)


def _positive(text: str) -> float:
    value = _noise(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _noise(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number of at least 0, not {text}")
    return value
