"""How the cost of a record changes with what there is of partitions, bytes, topics and lag: points of curves, drawn by :mod:`benchmarks.curves`.

Each point is a topic (or some) with a backlog, consumed by the bare loop and by the sidecar to ``discard:`` in turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from confluent_kafka import Consumer, TopicPartition

from benchmarks.measure import PARTITIONS, Bench, backlog, steady
from benchmarks.meter import Reading
from benchmarks.table import Row
from tests.parts.topics import fresh_name, log_ends

Pair = tuple[Reading, Reading]

ROUNDS = 3
RECORDS = 500_000
SECONDS = 5
RATE = 20_000

PARTITION_COUNTS = (1, 12, 50, 200, 500)
TOPIC_COUNTS = (1, 4, 10, 25, 100)
ALL_PARTITIONS = 100
"""How many partitions all topics have together, so that only the number of topics changes."""

SIZES: Mapping[int, int] = {64: 500_000, 256: 500_000, 4_096: 100_000, 65_536: 8_000, 1_000_000: 500}
"""How many records, by their bytes."""

LAGS = (50_000, 500_000, 2_000_000, 10_000_000)


def partitions(bench: Bench) -> list[Row]:
    """Consume the same number of records out of more and more partitions."""
    return [
        _row("partitions", count, _at_a_backlog(bench, [backlog(bench.bootstrap, RECORDS, partitions=count)], RECORDS))
        for count in PARTITION_COUNTS
    ]


def sizes(bench: Bench) -> list[Row]:
    """Consume larger and larger records."""
    return [
        _row("bytes a record", size, _at_a_backlog(bench, [backlog(bench.bootstrap, count, size)], count))
        for size, count in SIZES.items()
    ]


def topics(bench: Bench) -> list[Row]:
    """Consume the same number of partitions, of more and more topics."""
    rows = []
    for count in TOPIC_COUNTS:
        each = RECORDS // count
        names = [backlog(bench.bootstrap, each, partitions=ALL_PARTITIONS // count) for _ in range(count)]
        rows.append(_row("topics", count, _at_a_backlog(bench, names, each * count)))
    return rows


def lags(bench: Bench) -> list[Row]:
    """Consume with more and more behind: from a producer that is just followed to ten million records."""
    limit = ("--latest", "--seconds", str(SECONDS))
    with steady(bench.bootstrap, RATE) as topic:
        followed = [
            (bench.bare(topic, *limit), bench.sidecar(topic, "discard:", *limit[1:], env={"SIDECAR_START": "latest"}))
            for _ in range(ROUNDS)
        ]
    topic = backlog(bench.bootstrap, max(LAGS))
    return [_row("lag", 0, followed), *(_row("lag", lag, [_behind(bench, topic, lag) for _ in range(ROUNDS)]) for lag in LAGS)]


def _at_a_backlog(bench: Bench, names: Sequence[str], records: int) -> list[Pair]:
    limit = ("--records", str(records))
    both = ",".join(names)
    return [(bench.bare(both, *limit), bench.sidecar(both, "discard:", *limit)) for _ in range(ROUNDS)]


def _behind(bench: Bench, topic: str, lag: int) -> Pair:
    """Consume some of the last ``lag`` records."""
    limit = ("--records", str(min(lag // PARTITIONS * PARTITIONS, RECORDS)))
    bare, ours = (_group_behind(bench.bootstrap, topic, lag) for _ in range(2))
    env = {"SIDECAR_KAFKA__GROUP_ID": ours}
    return bench.bare(topic, *limit, "--group", bare), bench.sidecar(topic, "discard:", *limit, env=env)


def _group_behind(bootstrap: str, topic: str, lag: int) -> str:
    """Return a new group that has so much before it."""
    group = fresh_name("behind")
    offsets = [
        TopicPartition(topic, partition, max(0, end - lag // PARTITIONS)) for partition, end in log_ends(bootstrap, topic).items()
    ]
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()
    return group


def _row(what: str, at: int, pairs: Sequence[Pair]) -> Row:
    bare, ours = (median(pair[which].thread_micros for pair in pairs) for which in (0, 1))
    own = median(mine.thread_micros - theirs.thread_micros for theirs, mine in pairs)
    return Row(
        f"cost of a record at {at:,} {what}",
        f"bare loop {bare:.2f} µs, sidecar {ours:.2f} µs, own cost {own:+.2f} µs",
        figures={"at": at, "bare_us": bare, "sidecar_us": ours, "own_us": own},
    )
