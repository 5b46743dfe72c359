"""``make bench-compare BASE=REVISION``: whether the present tree costs more than another revision did.

Both are measured alternately, :data:`ROUNDS` times, on one Kafka, by the benchmarks of the present tree: what differs is the sidecar alone. The exit status is 1 where the median of a figure is
worse by more than :data:`WORSE`. A machine that does other things as well makes single rounds tell little: the spread of the rounds is printed beside.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.measure import Bench, backlog, counting_app, steady
from tests.parts.kafka import real_kafka

ROUNDS = 5
WORSE = 1.05
RECORDS = 1_000_000
TAIL_RATE = 20_000
TAIL_SECONDS = 8

HERE = Path(__file__).parents[1]

Figures = Mapping[str, float]
"""By name, each a cost: less is better."""

Measure = Callable[[Bench], Figures]
"""Measures a tree, once."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many times as much the head costs as the base: the median of the rounds, the least and the most of them."""

    change: float
    least: float
    most: float

    @property
    def is_worse(self) -> bool:
        """Whether it is a regression."""
        return self.change > WORSE

    def __str__(self) -> str:
        return (
            f"{self.change - 1:+.1%} (rounds {self.least - 1:+.1%} .. {self.most - 1:+.1%}){'  WORSE' if self.is_worse else ''}"
        )


def judge(rounds: Sequence[tuple[float, float]]) -> Verdict:
    """Compare (base, head) of each round."""
    changes = [head / base for base, head in rounds]
    return Verdict(median(changes), min(changes), max(changes))


@contextmanager
def decided(_bootstrap: str) -> Iterator[Measure]:
    """Drive the engine alone."""
    yield lambda tree: {f"engine, {how}: CPU": tree.program("engine_alone", how).thread_micros for how in ("through", "sampled")}


@contextmanager
def discarded(bootstrap: str) -> Iterator[Measure]:
    """Consume a backlog."""
    topic = backlog(bootstrap, RECORDS)

    def measure(tree: Bench) -> Figures:
        reading = tree.sidecar(topic, "discard:", "--records", str(RECORDS))
        return {"discard: time": 1 / reading.rate, "discard: CPU of the consuming thread": reading.thread_micros}

    yield measure


@contextmanager
def posted(bootstrap: str) -> Iterator[Measure]:
    """Bring a backlog to an application that only counts."""
    topic = backlog(bootstrap, RECORDS)

    def measure(tree: Bench) -> Figures:
        reading = tree.sidecar(topic, url, "--records", str(RECORDS), env={"SIDECAR_WRITER__BODY": "values"})
        return {"http, values: time": 1 / reading.rate, "http, values: CPU of the process": reading.process_micros}

    with counting_app() as url:
        yield measure


@contextmanager
def followed(bootstrap: str) -> Iterator[Measure]:
    """Follow a producer, where runs are short."""

    def measure(tree: Bench) -> Figures:
        reading = tree.sidecar(topic, "discard:", "--seconds", str(TAIL_SECONDS), env={"SIDECAR_START": "latest"})
        return {"tail: CPU of the consuming thread": reading.thread_micros, "tail: CPU of the process": reading.process_micros}

    with steady(bootstrap, TAIL_RATE) as topic:
        yield measure


MEASURES: Mapping[str, Callable[[str], AbstractContextManager[Measure]]] = {
    "engine": decided,
    "discard": discarded,
    "http": posted,
    "tail": followed,
}

QUICK = ("engine", "discard", "http")
"""What is measured where nothing else is said."""


def main() -> None:
    """Compare, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("base", help="a revision that git knows")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MEASURES)}; {', '.join(QUICK)} if none is said"
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"how often each is measured, {ROUNDS} times if nothing is said"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(MEASURES))
    if unknown:
        parser.error(f"there is no measurement {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    with (
        tempfile.TemporaryDirectory(prefix="kafka-sidecar-bench-") as folder,
        tree_of(options.base, Path(folder)) as base,
        real_kafka(Path(folder)) as broker,
    ):
        head = Bench(broker.bootstrap)
        old = replace(head, folder=base[0], python=base[1])
        verdicts: dict[str, Verdict] = {}
        for name in options.names or QUICK:
            verdicts |= compared(name, old, head, options.rounds)
    print(f"\nagainst {options.base}, the median of {options.rounds} rounds; above {WORSE - 1:+.0%} is a regression:")
    for name, verdict in verdicts.items():
        print(f"  {name:45} {verdict}")
    sys.exit(any(verdict.is_worse for verdict in verdicts.values()))


def compared(name: str, old: Bench, head: Bench, rounds: int) -> dict[str, Verdict]:
    """Return the verdict on each figure of a measurement."""
    taken = []
    with MEASURES[name](head.bootstrap) as measure:
        for number in range(rounds):
            print(f"{name}: round {number + 1} of {rounds} ...", flush=True)
            order = (old, head) if number % 2 else (head, old)  # who comes second finds the machine warmer
            figures = {tree: measure(tree) for tree in order}
            taken.append((figures[old], figures[head]))
    return {figure: judge([(before[figure], after[figure]) for before, after in taken]) for figure in taken[0][0]}


@contextmanager
def tree_of(revision: str, folder: Path) -> Iterator[tuple[Path, str]]:
    """Check ``revision`` out; give its folder and a Python for it: ours where it needs the same packages, else one of its own."""
    path = folder / "base"
    git("worktree", "add", "--quiet", "--detach", str(path), revision)
    try:
        lay_out_benchmarks(path)
        locks = [(tree / "requirements").glob("*.txt") for tree in (HERE, path)]
        same = [{lock.name: lock.read_bytes() for lock in found} for found in locks]
        if same[0] == same[1]:
            yield path, sys.executable
        else:
            print(f"{revision} needs other packages: installing them beside it", flush=True)
            subprocess.run(["make", "--silent", "install"], cwd=path, check=True)  # noqa: S607 -- as a person would
            yield path, str(path / ".venv" / "bin" / "python")
    finally:
        git("worktree", "remove", "--force", str(path))


def lay_out_benchmarks(path: Path) -> None:
    """Put the benchmarks of the present tree, and what they need, in the place of those of ``path``."""
    for package in ("benchmarks", "tests"):
        shutil.rmtree(path / package, ignore_errors=True)
        shutil.copytree(HERE / package, path / package, ignore=shutil.ignore_patterns("__pycache__"))


def git(*arguments: str) -> None:
    """Run git here. Raises CalledProcessError where it cannot do that; it has said why."""
    subprocess.run(["git", *arguments], cwd=HERE, check=True)  # noqa: S607 -- wherever it is


if __name__ == "__main__":
    main()
