"""How long the first record takes after a resume: of the sidecar's consumer, and of a bare one that is only resumed.

Both have a backlog before them, stand still for a moment, and are polled as the loop polls. Prints one JSON object with the waits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from confluent_kafka import Consumer
from msgspec.structs import replace

from benchmarks.bare import CONFIG
from benchmarks.meter import Meter, encode
from sidecar.core.events import CommitFinished
from sidecar.core.records import TopicPartition
from sidecar.kafka.build import Tell, Wanted, build_consumer, build_log_offsets
from sidecar.runtime.loop import POLL_WAIT
from sidecar.settings import consumer_config, load_settings
from tests.parts.topics import fresh_name

ROUNDS = 30
STILL = 0.5
LIMIT = 500
FIRST_RECORDS = 20_000
"""Records before the first pause, so that every partition is fetched."""

Act = Callable[[], object]


def main() -> None:
    """Pause and resume, as ``how`` does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=["bare", "sidecar"])
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    options = parser.parse_args()
    meter = Meter()
    meter.begin()
    waits = (bare if options.how == "bare" else ours)(options.bootstrap, options.topic)
    print(encode(replace(meter.read(ROUNDS), waits=waits)))


def bare(bootstrap: str, topic: str) -> list[float]:
    """Use the client as it is."""
    consumer = Consumer(
        {**CONFIG, "bootstrap.servers": bootstrap, "group.id": fresh_name("bare"), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    waits = _rounds(
        lambda: len(consumer.consume(LIMIT, POLL_WAIT)),
        lambda: consumer.poll(0),
        lambda: consumer.pause(consumer.assignment()),
        lambda: consumer.resume(consumer.assignment()),
    )
    consumer.close()
    return waits


def ours(bootstrap: str, topic: str) -> list[float]:
    """Use the sidecar's consumer, with its own properties."""
    environ = {
        "SIDECAR_TOPICS": topic,
        "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "SIDECAR_KAFKA__GROUP_ID": fresh_name("resuming"),
        "SIDECAR_WRITER__URL": "discard:",
    }
    properties = consumer_config(load_settings(environ))
    wanted = Wanted([topic], "earliest", "stop", with_headers=False)
    places = Places()
    client = build_consumer(properties, wanted, build_log_offsets(properties), places.epoch_of, Tell(_ignore, _ignore))
    client.join(places)

    def poll() -> int:
        chunks = client.poll(LIMIT, POLL_WAIT, 0.0)
        places.known.update({chunk.tp: chunk.end for chunk in chunks})
        return sum(map(len, chunks))

    waits = _rounds(poll, client.serve, lambda: client.pause(list(places.known)), lambda: client.resume(places.known))
    client.close()
    return waits


class Places:
    """A listener that knows where each partition stands."""

    def __init__(self) -> None:
        self.known: dict[TopicPartition, int | None] = {}

    def epoch_of(self, _tp: TopicPartition) -> int | None:
        """Return the one epoch that there is."""
        return 1

    def position_of(self, tp: TopicPartition) -> int | None:
        """Return the offset after the last record."""
        return self.known.get(tp)

    def assigned(self, starts: Mapping[TopicPartition, int | None], _fresh: Collection[TopicPartition]) -> None:
        """Begin."""
        self.known.update(starts)

    def revoking(self, _tps: Sequence[TopicPartition]) -> None:
        """Give up partitions at the end."""

    def lost(self, _tps: Sequence[TopicPartition]) -> None:
        """Cannot happen within seconds."""

    def committed(self, _answer: CommitFinished) -> None:
        """Nothing is committed."""

    def moved(self, _tp: TopicPartition, _offset: int) -> None:
        """Nothing is deleted."""

    def stopped(self, _tp: TopicPartition, _reason: str) -> None:
        """Nothing is deleted."""


def _ignore(*_told: object) -> None:
    """Hear what a log would."""


def _rounds(poll: Callable[[], int], serve: Act, pause: Act, resume: Act) -> list[float]:
    """Return how long the first record took, in seconds, each time."""
    records = 0
    while records < FIRST_RECORDS:
        records += poll()
    waits = []
    for _ in range(ROUNDS):
        pause()
        until = time.monotonic() + STILL
        while time.monotonic() < until:
            serve()
            time.sleep(0.01)
        began = time.monotonic()
        resume()
        while not poll():
            pass
        waits.append(time.monotonic() - began)
    return waits


if __name__ == "__main__":
    main()
