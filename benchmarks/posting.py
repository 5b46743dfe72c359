"""Batches to an HTTP application without Kafka, from memory: the yardstick, and the sidecar's writer alone.

``bare`` is the standard library's ``http.client`` with a body that the payloads are joined into, over a kept connection. ``sidecar`` calls the writer as
a flusher does. Prints one JSON object, like :mod:`benchmarks.subject`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

from benchmarks.measure import value
from benchmarks.meter import Meter, encode
from sidecar.core.records import Batch, Chunk, TopicPartition, accounted_bytes
from sidecar.core.results import Delivered
from sidecar.writers import registry
from sidecar.writers.protocol import Surroundings

BATCH = 1_000
BYTES = 200
RECORDS = 2_000_000
TP = TopicPartition("posts", 0)


def main() -> None:
    """Post to ``--url``, as ``how`` does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=[*HOW])
    parser.add_argument("--url", required=True)
    options = parser.parse_args()
    values = [value(number, BYTES) for number in range(BATCH)]
    post = HOW[options.how](options.url, values)
    post()  # connects
    meter = Meter()
    meter.begin()
    for _ in range(RECORDS // BATCH):
        post()
    print(encode(meter.read(RECORDS)))


def bare(url: str, values: Sequence[bytes]) -> Callable[[], None]:
    """Return what posts the payloads, a line each."""
    place = urlsplit(url)
    connection = HTTPConnection(place.netloc)

    def post() -> None:
        connection.request("POST", place.path, b"\n".join(values), {"Content-Type": "application/x-ndjson"})
        connection.getresponse().read()

    return post


def ours(url: str, values: Sequence[bytes]) -> Callable[[], None]:
    """Return what gives a batch to the writer."""
    writer = registry.kind(url, {"body": "values"}, Surroundings("posts")).create()
    keys = [b"%d" % number for number in range(BATCH)]
    nbytes = accounted_bytes(keys, values, None)
    chunk = Chunk(TP, 1, range(BATCH), [0] * BATCH, keys, values, None, BATCH, nbytes, 0.0, 0)
    batch = Batch.of([chunk])

    def post() -> None:
        result = writer.write(batch, 1, time.monotonic() + 30)
        assert result == Delivered(), result  # noqa: S101 -- else the figure would mean nothing

    return post


HOW: Mapping[str, Callable[[str, Sequence[bytes]], Callable[[], None]]] = {"bare": bare, "sidecar": ours}

if __name__ == "__main__":
    main()
