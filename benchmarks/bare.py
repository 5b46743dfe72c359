"""The bare loop, the yardstick of every ratio: ``consume(500, 0.1)``, six columns into lists, a commit a second. Nothing else.

Prints one JSON object, like :mod:`benchmarks.subject`.
"""

from __future__ import annotations

import argparse
import sys
import time

from confluent_kafka import Consumer, Message

from benchmarks.meter import Meter

CONFIG = {
    "enable.auto.commit": False,
    "partition.assignment.strategy": "cooperative-sticky",
}


def main() -> None:
    """Consume ``--records`` records of ``--topic``, or for ``--seconds``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--records", type=int, default=sys.maxsize)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--latest", action="store_true", help="begin at the end of the log")
    options = parser.parse_args()
    reset = {"auto.offset.reset": "latest" if options.latest else "earliest"}
    consumer = Consumer({**CONFIG, **reset, "bootstrap.servers": options.bootstrap, "group.id": options.group})
    meter = Meter()
    consumer.subscribe([options.topic], on_assign=lambda _consumer, _partitions: meter.begin())
    records = consume(consumer, options.records, options.seconds, meter)
    print(meter.end(records))
    consumer.close()


def consume(consumer: Consumer, records: int, seconds: float, meter: Meter) -> int:
    """Take records until there were ``records``, or ``seconds`` after the assignment; return how many."""
    taken, committed_at = 0, time.monotonic()
    while taken < records and meter.elapsed < seconds:
        messages = consumer.consume(500, 0.1)
        columns = [
            list(map(read, messages))
            for read in (Message.topic, Message.partition, Message.offset, Message.timestamp, Message.key, Message.value)
        ]
        taken += len(columns[0])
        if time.monotonic() - committed_at >= 1.0 and taken:
            consumer.commit(asynchronous=True)
            committed_at = time.monotonic()
    return taken


if __name__ == "__main__":
    main()
