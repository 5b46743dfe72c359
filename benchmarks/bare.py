"""The bare loop, the yardstick of every ratio: ``consume(500, 0.1)``, six columns into lists, a commit a second. Nothing else.

Prints one JSON object, like :mod:`benchmarks.subject`.
"""

from __future__ import annotations

import argparse
import sys
import time

from confluent_kafka import Consumer, Message
from msgspec.structs import replace

from benchmarks import arrivals
from benchmarks.meter import Meter, encode, on_core

CONFIG = {
    "enable.auto.commit": False,
    "partition.assignment.strategy": "cooperative-sticky",
}


def main() -> None:
    """Consume ``--records`` records of ``--topic``, or for ``--seconds``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True, help="one, or several with commas between them")
    parser.add_argument("--group", required=True)
    parser.add_argument("--records", type=int, default=sys.maxsize)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--latest", action="store_true", help="begin at the end of the log")
    parser.add_argument("--core", type=int, help="run on this core alone")
    parser.add_argument("--limit", type=int, default=500, help="records of one consume(); it waits for them, so 1 is soonest")
    parser.add_argument("--waits", action="store_true", help="take note of how old each record is when it is here")
    options = parser.parse_args()
    on_core(options.core)
    reset = {"auto.offset.reset": "latest" if options.latest else "earliest"}
    consumer = Consumer({**CONFIG, **reset, "bootstrap.servers": options.bootstrap, "group.id": options.group})
    meter = Meter()
    consumer.subscribe(options.topic.split(","), on_assign=lambda _consumer, _partitions: meter.begin())
    records = consume(consumer, options, meter)
    print(encode(replace(meter.read(records), waits=arrivals.waits)))
    consumer.close()


def consume(consumer: Consumer, options: argparse.Namespace, meter: Meter) -> int:
    """Take records until there were ``options.records``, or ``options.seconds`` after the assignment; return how many."""
    taken, committed_at = 0, time.monotonic()
    while taken < options.records and meter.elapsed < options.seconds:
        messages = consumer.consume(options.limit, 0.1)
        columns = [
            list(map(read, messages))
            for read in (Message.topic, Message.partition, Message.offset, Message.timestamp, Message.key, Message.value)
        ]
        taken += len(columns[0])
        if options.waits:
            arrivals.note(stamp for _, stamp in map(Message.timestamp, messages))
        if time.monotonic() - committed_at >= 1.0 and taken:
            consumer.commit(asynchronous=True)
            committed_at = time.monotonic()
    return taken


if __name__ == "__main__":
    main()
