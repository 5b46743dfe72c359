"""The topics of the live page: which policy each has, what of it is here, how much is kept, and what is shed, for which reason and where.

Pure, from a report, its trend and the record of drops. Rates are records a second; what is not known is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sidecar.core.books import DropReason
from sidecar.core.config import Policy, Strategy
from sidecar.core.snapshot import BooksView
from sidecar.observe.drop_record import DIVERTED, INTENT, LastDrop
from sidecar.observe.scene import Scene, span

LastDrops = Mapping[tuple[str, str], LastDrop]
"""The last range of each topic and reason."""


class Topic(NamedTuple):
    """One topic: its ``policy`` in words, how many of its records are ``here``, and the share that was ``kept`` of what came to an end of late."""

    topic: str
    policy: str
    partitions: int
    here: int
    kept: float | None


class Shed(NamedTuple):
    """What was dropped of a topic for one reason: ``records`` since the start, ``rate`` of late, and the ``last`` range (None: it is not listed any more)."""

    topic: str
    reason: str
    intent: str
    records: int
    rate: float
    last: LastDrop | None


def topics(scene: Scene, policy: Callable[[str], Policy]) -> list[Topic]:
    """Return the topics that have a partition here, by name."""
    here: Counter[str] = Counter()
    partitions: Counter[str] = Counter()
    for view in scene.report.engine.partitions:
        here[view.tp.topic] += view.here
        partitions[view.tp.topic] += 1
    return [
        Topic(topic, words(policy(topic)), count, here[topic], _kept(scene, topic)) for topic, count in sorted(partitions.items())
    ]


def sheds(scene: Scene, last: LastDrops) -> list[Shed]:
    """Return what was dropped since the start: first what is dropped now, the most of it first."""
    books, rates = scene.report.engine.books, scene.trend.latest.dropped_of
    found = [
        Shed(topic, reason, _intent(books, topic, reason), records, rates.get((topic, reason), 0.0), last.get((topic, reason)))
        for (topic, reason), records in books.dropped.items()
        if records
    ]
    return sorted(found, key=lambda shed: (-shed.rate, -shed.records, shed.topic, shed.reason))


def _intent(books: BooksView, topic: str, reason: str) -> str:
    """Return the intent of what was dropped of ``topic`` for ``reason``: where it has an overflow topic, all of it goes there."""
    return DIVERTED if books.diverted.get((topic, reason)) else INTENT[DropReason(reason)]


def words(policy: Policy) -> str:
    """Return a policy as people write it: ``sample auto, max_wait 5 s, priority -2``."""
    parts = [_strategy(policy)]
    lasting = (("max_block", policy.max_block), ("max_age", policy.max_age), ("max_wait", policy.max_wait))
    parts += [f"{name} {_lasting(seconds)}" for name, seconds in lasting if seconds is not None]
    parts += [f"priority {policy.priority}"] if policy.priority else []
    parts += [f"weight {policy.weight:g}"] if policy.weight is not None else []
    parts += [f"overflow to {policy.overflow_topic}"] if policy.overflow_topic is not None else []
    return ", ".join(parts)


def _strategy(policy: Policy) -> str:
    if policy.strategy is not Strategy.SAMPLE:
        return str(policy.strategy.value)
    return "sample auto" if policy.sample_rate is None else f"sample 1 in {policy.sample_rate:,}"


def _lasting(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else span(seconds)  # noqa: PLR2004 -- of more, minutes say more


def _kept(scene: Scene, topic: str) -> float | None:
    """Return the share of what came to an end of late that was not dropped, or is in an overflow topic."""
    books, rates = scene.report.engine.books, scene.trend.latest
    ended = rates.ended_of.get(topic)
    if not ended:
        return None
    dropped = sum(
        rate for (name, why), rate in rates.dropped_of.items() if name == topic and _intent(books, topic, why) != DIVERTED
    )
    return max(0.0, 1 - dropped / ended)  # the rates of several reasons may add up to a little more than all, by rounding
