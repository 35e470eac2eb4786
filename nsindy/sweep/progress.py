"""What a person sees of a sweep while it runs: a bar on a terminal, a line a chunk elsewhere."""

import sys
from collections.abc import Callable
from typing import NamedTuple, TextIO

__all__ = ["Done", "duration", "line", "pace", "teller"]


class Done(NamedTuple):
    """How far a sweep has come.

    Attributes:
      name: of the sweep.
      chunk: chunks that are done.
      chunks: of how many.
      runs: runs that are done.
      of: of how many.
      made: how many of them were made now, not found in the folder.
      seconds: that those took.
      successes: runs that succeeded; None where nothing is counted.
    """

    name: str
    chunk: int
    chunks: int
    runs: int
    of: int
    made: int
    seconds: float
    successes: int | None = None


def pace(done: Done) -> tuple[float, float]:
    """Runs a second, and seconds left; both 0 where nothing was made yet."""
    if not done.made or done.seconds <= 0:
        return 0.0, 0.0
    rate = done.made / done.seconds
    return rate, (done.of - done.runs) / rate


def line(done: Done) -> str:
    """One plain line: chunks, runs, runs a second, time left, the rate of success so far."""
    rate, left = pace(done)
    words = [f"{done.name}: chunk {done.chunk} of {done.chunks}", f"{done.runs} of {done.of} runs"]
    if rate:
        words.append(f"{rate:.3g} runs/s")
        words.append(f"{duration(left)} left" if done.runs < done.of else duration(done.seconds))
    return ", ".join([*words, *_exact(done)])


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.2 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _exact(done: Done) -> list[str]:
    if done.successes is None or not done.runs:
        return []
    return [f"exact in {done.successes} = {100 * done.successes / done.runs:.1f} %"]


def teller(*, quiet: bool = False, stream: TextIO | None = None) -> Callable[[Done], None]:
    """A function that shows every `Done`: tqdm's bar on a terminal, a line elsewhere, or nothing.

    Args:
      quiet: nothing.
      stream: where to; standard error.
    """
    stream = sys.stderr if stream is None else stream
    if quiet:
        return lambda done: None
    if not stream.isatty():
        return lambda done: print(line(done), file=stream, flush=True)
    return _bar(stream)


def _bar(stream: TextIO) -> Callable[[Done], None]:
    from tqdm import tqdm

    bars: dict[str, tqdm] = {}
    form = "{desc}: {percentage:3.0f} %|{bar}| {postfix}"

    def show(done: Done) -> None:
        if done.name not in bars:
            bars[done.name] = tqdm(
                total=done.of, desc=done.name, file=stream, leave=False, bar_format=form
            )
        bar = bars[done.name]
        bar.n = done.runs
        rate, left = pace(done)
        words = [
            f"chunk {done.chunk}/{done.chunks}",
            f"{rate:.3g} runs/s",
            f"{duration(left)} left",
        ]
        bar.set_postfix_str(", ".join([*words, *_exact(done)]), refresh=True)
        if done.runs == done.of:
            bars.pop(done.name).close()

    return show
