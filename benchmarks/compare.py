"""``make bench-compare BASE=REVISION``: whether the present tree costs more than another revision did.

Both are measured alternately, :data:`ROUNDS` times, each as a ratio to the bare loop of the same round, on one Kafka. The exit status is 1 where the median of a figure is worse by
more than :data:`WORSE`. A machine that does other things as well makes single rounds tell little: the spread of the rounds is printed beside.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.measure import Bench, backlog, counting_app
from benchmarks.meter import Reading
from tests.parts.kafka import real_kafka

ROUNDS = 5
WORSE = 1.05
RECORDS = 1_000_000

HERE = Path(__file__).parents[1]

Figures = Mapping[str, float]
"""By name, each a cost: less is better."""


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


def main() -> None:
    """Compare, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("base", help="a revision that git knows")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="kafka-sidecar-bench-") as folder,
        tree_of(options.base, Path(folder)) as base,
        real_kafka(Path(folder)) as broker,
    ):
        rounds = measured(Bench(broker.bootstrap), base)
    verdicts = {name: judge([(old[name], new[name]) for old, new in rounds]) for name in rounds[0][0]}
    print(f"\nagainst {options.base}, the median of {ROUNDS} rounds; above {WORSE - 1:+.0%} is a regression:")
    for name, verdict in verdicts.items():
        print(f"  {name:45} {verdict}")
    sys.exit(any(verdict.is_worse for verdict in verdicts.values()))


def measured(bench: Bench, base: tuple[Path, str]) -> list[tuple[Figures, Figures]]:
    """Return the figures of (base, head) of each round; who comes first changes from round to round."""
    topic = backlog(bench.bootstrap, RECORDS)
    old = replace(bench, folder=base[0], python=base[1])
    rounds = []
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS} ...", flush=True)
        bare = bench.bare(topic, "--records", str(RECORDS))
        order = (old, bench) if number % 2 else (bench, old)
        figures = {tree: figures_of(tree, topic, bare) for tree in order}
        rounds.append((figures[old], figures[bench]))
    return rounds


def figures_of(tree: Bench, topic: str, bare: Reading) -> Figures:
    """Measure one tree."""
    limit = ("--records", str(RECORDS))
    discarded = tree.sidecar(topic, "discard:", *limit)
    with counting_app() as url:
        posted = tree.sidecar(topic, url, *limit, env={"SIDECAR_WRITER__BODY": "values"})
    return {
        "discard: time": bare.rate / discarded.rate,
        "discard: CPU of the consuming thread": discarded.thread_micros / bare.thread_micros,
        "http, values: time": bare.rate / posted.rate,
        "http, values: CPU of the process": posted.process_micros / bare.process_micros,
    }


@contextmanager
def tree_of(revision: str, folder: Path) -> Iterator[tuple[Path, str]]:
    """Check ``revision`` out; give its folder and a Python for it: ours where it needs the same packages, else one of its own."""
    path = folder / "base"
    git("worktree", "add", "--quiet", "--detach", str(path), revision)
    try:
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


def git(*arguments: str) -> None:
    """Run git here. Raises CalledProcessError where it cannot do that; it has said why."""
    subprocess.run(["git", *arguments], cwd=HERE, check=True)  # noqa: S607 -- wherever it is


if __name__ == "__main__":
    main()
