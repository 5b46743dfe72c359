"""Every metric of this process beside those of the Python runtime: name, type, labels, meaning. docs/METRICS.md is made from it.

``python -m sidecar.observe.metric_defs`` prints that document.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class MetricDef:
    """One metric family; ``name`` is as scraped, a counter's ends in ``_total``."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


_T, _TP = ("topic",), ("topic", "partition")

POLLED = MetricDef("sidecar_records_polled_total", "counter", _T, "Records taken from Kafka.")
DELIVERED = MetricDef("sidecar_records_delivered_total", "counter", _T, "Records that the downstream took.")
DEAD_LETTERED = MetricDef(
    "sidecar_records_dead_lettered_total", "counter", _T, "Records that went to the dead-letter topic instead."
)
DROPPED = MetricDef(
    "sidecar_records_dropped_total",
    "counter",
    ("topic", "reason", "intent"),
    "Records dropped, each because a setting allows it. Intent: policy (wanted: sample, expired), overload (the downstream was too"
    " slow), poison (the downstream refused the record), diverted (for whatever reason; the record is in the overflow topic).",
)
RELEASED = MetricDef(
    "sidecar_records_released_total",
    "counter",
    ("topic", "reason"),
    "Records given back uncommitted; the partition's next owner polls them again.",
)
UNREADABLE_HEADERS = MetricDef(
    "sidecar_unreadable_headers_total", "counter", _T, "Records whose headers could not be decoded and are missing downstream."
)
MISSED_OFFSETS = MetricDef(
    "sidecar_missed_offsets_total",
    "counter",
    _T,
    "Offsets that the log lost before they were polled: retention overtook the group. Counted when that is found out, whatever"
    " SIDECAR_ON_OFFSET_OUT_OF_RANGE then does.",
)
BUFFERED = MetricDef("sidecar_records_buffered", "gauge", (), "Records polled and waiting for a flush.")
IN_FLIGHT = MetricDef("sidecar_records_in_flight", "gauge", (), "Records in a flush, or waiting for its next attempt.")
UNACCOUNTED = MetricDef(
    "sidecar_unaccounted_records",
    "gauge",
    (),
    "Polled minus delivered, dead-lettered, dropped, released, buffered and in flight; must read 0, anything else is a defect.",
)
BUFFER_BYTES = MetricDef("sidecar_buffer_bytes", "gauge", (), "Memory of the records buffered and in flight.")
UTILIZATION = MetricDef(
    "sidecar_buffer_utilization_ratio",
    "gauge",
    (),
    "The pressure: the larger share of the record limit and the byte limit in use.",
)
MEMORY_LIMIT = MetricDef("sidecar_memory_limit_bytes", "gauge", (), "The one memory number that all limits follow from.")
STATE = MetricDef("sidecar_state", "gauge", ("state",), "1 for the backpressure state that holds, 0 for the others.")
TRANSITIONS = MetricDef(
    "sidecar_state_transitions_total", "counter", ("from", "to"), "Moves from one backpressure state to another."
)
BREAKER = MetricDef(
    "sidecar_breaker_state", "gauge", ("state",), "1 for the circuit breaker's state that holds, 0 for the others."
)
NEXT_PROBE = MetricDef(
    "sidecar_breaker_next_probe_seconds",
    "gauge",
    (),
    "While the circuit breaker is open: in how many seconds the next probe is made; else 0.",
)
LETTERS_WAITING = MetricDef(
    "sidecar_dead_letters_waiting",
    "gauge",
    (),
    "Records on their way to the dead-letter topic; nothing of their partitions is flushed meanwhile.",
)
LETTERS_BLOCKED = MetricDef(
    "sidecar_dead_letters_blocked_partitions",
    "gauge",
    (),
    "Partitions whose dead letter cannot be sent: the topic does not take it, or no delivery has earned it.",
)
LETTER_TOKENS = MetricDef("sidecar_dead_letter_tokens", "gauge", (), "Dead letters that may be sent now; deliveries earn them.")
TOPIC_BUFFERED = MetricDef(
    "sidecar_topic_records_buffered",
    "gauge",
    ("topic",),
    "Records of the topic that are here, in flight or not: who takes the room. Of topics with an assigned partition.",
)
OVERFLOW_WAITING = MetricDef(
    "sidecar_overflow_records",
    "gauge",
    (),
    "Records on their way to overflow topics; they take their room in the buffer until they are there.",
)
OVERFLOW_BLOCKED = MetricDef(
    "sidecar_overflow_trouble", "gauge", (), "1 while an overflow topic does not take records (/status says why), else 0."
)
LAG_RECORDS = MetricDef(
    "sidecar_lag_records",
    "gauge",
    _TP,
    "Log end offset minus the first offset without an outcome; absent while unknown. Without per-partition series: the topic's sum.",
)
LAG_SECONDS = MetricDef(
    "sidecar_lag_seconds",
    "gauge",
    _TP,
    "Age of the oldest record without an outcome by its timestamp, 0 when caught up; at most this while that record is"
    " still in Kafka; absent while unknown. Without per-partition series: the topic's largest.",
)
VERDICT = MetricDef(
    "sidecar_verdict",
    "gauge",
    ("topic", "partition", "verdict"),
    "1 for the verdict on why the partition is behind (docs/STATUS.md); the others are absent. Without per-partition series: how"
    " many partitions of the topic have that verdict.",
)
ASSIGNED = MetricDef("sidecar_assigned_partitions", "gauge", (), "Partitions assigned to this process.")
RECORD_AGE = MetricDef(
    "sidecar_record_age_seconds",
    "histogram",
    (),
    "Age of delivered records at delivery, by their timestamps; interpolated between the first and last record of a chunk.",
)
FLUSH_DURATION = MetricDef(
    "sidecar_flush_duration_seconds", "histogram", ("outcome",), "How long calls of the downstream took, by what came of them."
)
FLUSH_BATCH = MetricDef("sidecar_flush_batch_records", "histogram", (), "Records in each call of the downstream.")
FLUSH_INTERVAL = MetricDef(
    "sidecar_flush_interval_seconds", "gauge", (), "How long a part-filled batch waits now; the controller's choice."
)
FLUSH_TARGET = MetricDef(
    "sidecar_flush_batch_target_records", "gauge", (), "How many records make a full batch now; the controller's choice."
)
FLUSH_CONCURRENCY = MetricDef(
    "sidecar_flush_concurrency_limit", "gauge", (), "How many batches may be in flight at once; the controller's choice."
)
FLUSH_MOST = MetricDef(
    "sidecar_flush_concurrency_max",
    "gauge",
    (),
    "How many batches the settings let be in flight at once (SIDECAR_FLUSH__MAX_IN_FLIGHT).",
)
FLUSH_QUEUE = MetricDef(
    "sidecar_flush_queued_batches",
    "gauge",
    (),
    "How many of the batches in flight wait in a queue downstream, by how much longer they take than alone: the controller keeps it small.",
)
FLUSH_FIXED = MetricDef(
    "sidecar_flush_cost_fixed_seconds", "gauge", (), "What a flush costs whatever its size, as fitted; absent while unknown."
)
FLUSH_PER_RECORD = MetricDef(
    "sidecar_flush_cost_record_seconds", "gauge", (), "What each record adds to a flush, as fitted; absent while unknown."
)
FLUSH_DECISIONS = MetricDef(
    "sidecar_flush_decisions_total",
    "counter",
    ("dial", "direction"),
    "Decisions of the flush control: a dial (batch, interval, concurrency) was turned up or down. /status/flow tells the latest with their reasons.",
)
LAST_DELIVERY = MetricDef(
    "sidecar_last_delivery_timestamp_seconds",
    "gauge",
    (),
    "When the last record was delivered (Unix time); absent before the first.",
)
HOLD_SECONDS = MetricDef(
    "sidecar_hold_seconds_total",
    "counter",
    ("reason",),
    "Seconds that partitions were held, summed over them, by reason: its rate is how many are held. Looked at about twice a second at least.",
)
HOLDS = MetricDef("sidecar_holds_total", "counter", (), "Times that a partition was held: no records taken of it.")
PAUSES = MetricDef("sidecar_pauses_total", "counter", (), "Times that a held partition was paused in the Kafka client.")
FETCHED = MetricDef(
    "sidecar_fetched_bytes_total", "counter", (), "Bytes of records that the Kafka client received, measured every 5 s."
)
REFETCHED = MetricDef(
    "sidecar_refetched_bytes_total",
    "counter",
    (),
    "Bytes that the Kafka client received and threw away again, by a pause or a seek: a lower bound, told after two samples of 5 s.",
)
COMMITS = MetricDef("sidecar_commits_total", "counter", ("result",), "Commits of offsets by what came of them.")
REBALANCES = MetricDef("sidecar_rebalances_total", "counter", ("kind",), "Assignment changes by kind.")
KAFKA_TROUBLE = MetricDef(
    "sidecar_kafka_trouble", "gauge", (), "1 while something with Kafka is in the way (/status says what), else 0."
)
DRAINS = MetricDef(
    "sidecar_drains_total", "counter", ("result",), "Drains by how they ended: drained, or expired with records left."
)
DRAIN_SECONDS = MetricDef(
    "sidecar_drain_duration_seconds",
    "gauge",
    (),
    "How long the drain that is under way has taken so far, or the last one took; 0 before the first.",
)
DRAIN_TIMEOUT = MetricDef("sidecar_drain_timeout_seconds", "gauge", (), "How long a drain may take.")
LOOP_SECONDS = MetricDef(
    "sidecar_loop_seconds_total", "counter", ("doing",), "Where the time of the thread that owns the Kafka client goes."
)
BUILD_INFO = MetricDef("sidecar_build_info", "gauge", ("version",), "1, with the version of this program.")
CONFIG_INFO = MetricDef(
    "sidecar_config_info",
    "gauge",
    ("group", "hash"),
    "1, with the consumer group and a hash of the settings; secrets and what differs by pod are not in it.",
)

METRICS: tuple[MetricDef, ...] = tuple(value for value in list(vars().values()) if isinstance(value, MetricDef))
"""All of them, in the order of the document."""

_HEAD = """\
# Metrics

What `/metrics` serves, for Prometheus (text or OpenMetrics, whichever is asked for). This page is made by
`python -m sidecar.observe.metric_defs`; a test fails when it is stale.

- Per-partition series exist for assigned partitions only and vanish when a partition is revoked: three for each, 1,500 for 500
  partitions. `SIDECAR_METRICS__PER_PARTITION=false` folds them to their topic (records summed, the largest seconds, partitions counted
  by verdict), which leaves one, one, and at most twelve for each topic.
- Every outcome of a known topic is there from the start, at 0, so that `rate()` sees the first one.
- Counters begin at 0 with the process. Around a rebalance two processes may show one partition for a moment: take
  `max by (topic, partition)` before you sum.
- The Python process's own metrics (`process_*`, `python_*`) are served beside these.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def document() -> str:
    """Return docs/METRICS.md."""
    rows = (f"| `{m.name}` | {m.kind} | {', '.join(f'`{label}`' for label in m.labels)} | {m.help} |\n" for m in METRICS)
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(document())
