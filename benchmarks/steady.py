"""A producer at a steady rate, spread over 12 partitions, until it is killed: ``python -m benchmarks.steady BOOTSTRAP TOPIC RATE``."""

from __future__ import annotations

import sys
import time

from confluent_kafka import Producer

from benchmarks.measure import PARTITIONS, value

STEP = 0.01


def main(bootstrap: str, topic: str, rate: int) -> None:
    """Produce in bursts of a hundredth of a second."""
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 5})
    began, number = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * rate)
        while number < due:
            try:
                producer.produce(topic, value(number), b"%d" % number, partition=number % PARTITIONS)
            except BufferError:  # the broker is behind; what is late is made up for
                break
            number += 1
        producer.poll(STEP)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
