"""The scenarios: a file each under ``files/``, to be read by people; its keys are the fields of the classes here.

``[link]`` is the downstream at the start and ``[work]`` what there is to deliver; each ``[[step]]`` says what of both is another from a moment on.
``[expect]`` has the ranges in which our law must stay, in each step.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sidecar.core.config import FlushLimits

FILES = Path(__file__).parent / "files"


@dataclass(frozen=True)
class Link:
    """The downstream: ``servers`` flushes are served at once, others wait. The very first one takes ``first_ms`` more.

    Each takes ``fixed_ms`` and ``record_us`` a record and ``kib_us`` a KiB, times a lognormal ``jitter`` (the deviation of its logarithm) of mean 1. ``sigma`` and
    ``kappa`` (Gunther's universal scalability law; no servers then) make each slower the more run. A share ``errors`` fails, a share ``hangs`` takes 30 s and times out.
    More than ``rate`` flushes a second are refused, after a burst of a tenth of it. For the first ``down_s`` seconds of a step it cannot be reached.
    """

    servers: int = 8
    first_ms: float = 0.0
    fixed_ms: float = 4.0
    record_us: float = 2.0
    kib_us: float = 0.0
    jitter: float = 0.15
    sigma: float = 0.0
    kappa: float = 0.0
    errors: float = 0.0
    hangs: float = 0.0
    rate: float = float("inf")
    down_s: float = 0.0


@dataclass(frozen=True)
class Work:
    """What there is to deliver: ``arrivals`` records a second, or a backlog without an end.

    ``sizes`` draws the records of each batch evenly between two; "chosen" leaves them to the law, from ``first_batch`` on. ``record_bytes`` is the mean size of a record; it
    varies by a third where the link counts bytes.
    """

    sizes: tuple[int, int] | str = (2000, 2000)
    first_batch: int = 500
    max_batch: int = 100_000
    max_in_flight: int = 64
    target_ms: float = 500.0
    arrivals: float = float("inf")
    record_bytes: float = 1024.0

    def limits(self) -> FlushLimits:
        """Return the bounds of a law."""
        chosen = isinstance(self.sizes, str)
        return FlushLimits(
            first_batch=self.first_batch if chosen else int(self.sizes[1]),
            max_batch=self.max_batch if chosen else int(self.sizes[1]),
            max_in_flight=self.max_in_flight,
            target_latency=self.target_ms / 1e3,
        )


@dataclass(frozen=True)
class Step:
    """From ``at`` on, in seconds, it is this link and this work."""

    at: float
    link: Link
    work: Work


@dataclass(frozen=True)
class Expect:
    """Ranges: of the share of the ``capacity``, of the median ``latency`` as a multiple of a flush's that runs alone, of the ``limit`` at the end.

    Of the mean ``size`` of the batches, too. And at most: ``recovery`` seconds until 90 % of the capacity are delivered after a step or an outage, and a share ``refused`` of all flushes.
    """

    capacity: tuple[float, float] = (0.95, 1.05)
    latency: tuple[float, float] = (0.8, 1.5)
    limit: tuple[int, int] = (1, 64)
    size: tuple[int, int] = (1, 100_000)
    recovery: float = 10.0
    refused: float = 0.0


@dataclass(frozen=True)
class Scenario:
    """One file. It lasts ``seconds``; outages and the ``settle`` seconds after a step or an outage are left out of what is measured."""

    name: str
    title: str
    seconds: float
    settle: float
    steps: Sequence[Step]
    expect: Expect


def load(name: str) -> Scenario:
    """Read the scenario of that name."""
    document = tomllib.loads((FILES / f"{name}.toml").read_text())
    link, work = Link(**document.get("link", {})), Work(**_tuples(document.get("work", {})))
    steps = [Step(0.0, link, work)]
    for change in document.get("step", ()):
        link, work = replace(link, **change.get("link", {})), replace(work, **_tuples(change.get("work", {})))
        steps.append(Step(change["at"], link, work))
    expect = Expect(**_tuples(document["expect"]))
    return Scenario(name, document["title"], document.get("seconds", 40.0), document.get("settle", 10.0), steps, expect)


def names() -> list[str]:
    """List all scenarios."""
    return sorted(path.stem for path in FILES.glob("*.toml"))


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
