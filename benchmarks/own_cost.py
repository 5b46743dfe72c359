"""What the sidecar itself costs: with ``discard:``, beside the bare loop, in turns in one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from benchmarks.measure import Bench, backlog, steady
from benchmarks.meter import Reading
from benchmarks.table import Row

RECORDS = 2_000_000
ROUNDS = 13
TAIL_RATE = 20_000
TAIL_SECONDS = 10
TAIL_ROUNDS = 3
CORE_BYTES = 200
CORE_ROUNDS = 3
CORE_RATE = 500_000

MOST_MICROS = 0.15
LEAST_SHARE = 0.85

POLICIES: Mapping[str, str] = {
    "SIDECAR_TOPIC_POLICIES": '[{"topic": "other.*"}, {"topic": "backlog*", "strategy": "drop_oldest", "priority": 1, "weight": 3, '
    '"max_wait": "1m", "max_age": "1d"}]'
}
"""One of everything that looks at a record or a batch; nothing is late, so nothing is dropped."""

Pairs = Sequence[tuple[Reading, Reading]]
"""The bare loop's and the sidecar's, of one round each."""


def at_a_backlog(bench: Bench) -> list[Row]:
    """Consume a backlog as fast as it goes: without policies, and with them."""
    topic = backlog(bench.bootstrap, RECORDS)
    limit = ("--records", str(RECORDS))
    runs = [
        (
            bench.bare(topic, *limit),
            bench.sidecar(topic, "discard:", *limit),
            bench.sidecar(topic, "discard:", *limit, env=POLICIES),
        )
        for _ in range(ROUNDS)
    ]
    return [
        *_rows("backlog", [(bare, plain) for bare, plain, _ in runs]),
        *_own_cost("backlog, with policies", [(bare, policed) for bare, _, policed in runs]),
    ]


def at_the_tail(bench: Bench) -> list[Row]:
    """Follow a producer of 20,000 records a second over 12 partitions, where runs are short."""
    limit = ("--latest", "--seconds", str(TAIL_SECONDS))
    with steady(bench.bootstrap, TAIL_RATE) as topic:
        pairs = [
            (bench.bare(topic, *limit), bench.sidecar(topic, "discard:", *limit[1:], env={"SIDECAR_START": "latest"}))
            for _ in range(TAIL_ROUNDS)
        ]
    return _rows("tail", pairs)


def on_one_core(bench: Bench) -> list[Row]:
    """Consume records of 200 bytes with all threads of the process on one core; the broker takes what it needs of both."""
    topic = backlog(bench.bootstrap, RECORDS, CORE_BYTES)
    limit = ("--core", "1", "--records", str(RECORDS))
    pairs = [(bench.bare(topic, *limit), bench.sidecar(topic, "discard:", *limit)) for _ in range(CORE_ROUNDS)]
    rate = median(ours.rate for _, ours in pairs)
    share = median(ours.rate / bare.rate for bare, ours in pairs)
    name = f"one core, {CORE_BYTES} bytes"
    return [
        Row(f"{name}: bare loop", _middle(bare for bare, _ in pairs)),
        Row(
            f"{name}: sidecar to `discard:`", _middle(ours for _, ours in pairs), f">= {CORE_RATE:,} records/s", rate >= CORE_RATE
        ),
        Row(
            f"{name}: share of the bare loop's rate", f"{share:.2f}", f">= {LEAST_SHARE}", share >= LEAST_SHARE, {"share": share}
        ),
    ]


def _rows(name: str, pairs: Pairs) -> list[Row]:
    share = median(ours.rate / bare.rate for bare, ours in pairs)
    return [
        Row(f"{name}: bare loop", _middle(bare for bare, _ in pairs)),
        Row(f"{name}: sidecar to `discard:`", _middle(ours for _, ours in pairs)),
        *_own_cost(name, pairs),
        Row(
            f"{name}: share of the bare loop's rate", f"{share:.2f}", f">= {LEAST_SHARE}", share >= LEAST_SHARE, {"share": share}
        ),
    ]


def _own_cost(name: str, pairs: Pairs) -> list[Row]:
    thread = median(ours.thread_micros - bare.thread_micros for bare, ours in pairs)
    times = median(ours.thread_micros / bare.thread_micros for bare, ours in pairs)
    process = median(ours.process_micros - bare.process_micros for bare, ours in pairs)
    return [
        Row(
            f"{name}: own cost, consuming thread",
            f"{thread:+.2f} µs a record, {times:.2f} times the bare loop",
            f"<= {MOST_MICROS} µs",
            thread <= MOST_MICROS,
            {"own_us": thread, "times": times},
        ),
        Row(f"{name}: own cost, process", f"{process:+.2f} µs a record", figures={"own_us": process}),
    ]


def _middle(readings: Iterable[Reading]) -> str:
    taken = list(readings)
    rate = median(reading.rate for reading in taken)
    thread = median(reading.thread_micros for reading in taken)
    process = median(reading.process_micros for reading in taken)
    return f"{rate:,.0f} records/s, {thread:.2f} µs of its thread, {process:.2f} µs of its process"
