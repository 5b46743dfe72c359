"""Hostile records, and what each kind of writer does with them: ``python -m tests.contract.hostile`` writes the table for people.

A writer takes such a record as it is, or refuses it for good (poison), so that it costs nobody else anything. Anything else would stop its partition.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sidecar.core.records import UNREADABLE, Batch, Chunk
from sidecar.core.results import Delivered, Poison, Result
from sidecar.writers import registry
from sidecar.writers.options import Value
from sidecar.writers.protocol import Writer
from tests.contract.batches import chunk
from tests.contract.listener import TAKEN, Conversation, Listener
from tests.parts.kafka import RealKafka, real_kafka
from tests.parts.postgresql import PostgreSQL, real_postgresql
from tests.parts.topics import create_topic, fresh_name
from tests.parts.waiting import free_port

DOCUMENT = Path(__file__).parents[2] / "docs" / "writers" / "HOSTILE.md"

HEAD = """\
# Hostile records

What each writer does with a record that is not what one hopes for. *Yes*: it is delivered as it is. *Poison*: it is refused for good, that record alone,
and goes where poison goes (`SIDECAR_ON_POISON`, dead letters); the others of its batch are delivered. This table is made by the contract tests, from what
the writers did on real servers (`python -m tests.contract.hostile`).

`mapped` is `id=$.id:bigint, text=$.text:text, key=@key:text, at=@timestamp:timestamptz, headers=@headers:jsonb`.

"""

MAPPED = "id=$.id:bigint, text=$.text:text, key=@key:text, at=@timestamp:timestamptz, headers=@headers:jsonb"
DEEP = b"[" * 10_000 + b"]" * 10_000

RECORDS: Mapping[str, Chunk] = {
    "a value without bytes": chunk([b""]),
    "no value (a tombstone)": chunk([None]),
    "NUL in the value": chunk([b"a\0b"]),
    "a value that is not UTF-8": chunk([b"\xff\xfe"]),
    "`\\u0000` in JSON": chunk([b'{"id":1,"text":"a\\u0000b"}']),
    "a lone surrogate in JSON": chunk([b'{"id":1,"text":"\\ud800 and more"}']),
    "the same key twice in JSON": chunk([b'{"id":1,"id":2,"text":"x"}']),
    "`NaN` in JSON": chunk([b'{"id":1,"text":"x","n":NaN}']),
    "JSON of 10,000 levels": chunk([b'{"id":1,"text":"x","deep":%b}' % DEEP]),
    "an integer above 64 bits": chunk([b'{"id":9223372036854775808,"text":"x"}']),
    "a number of a million digits": chunk([b'{"id":1,"text":"x","n":1e999999}']),
    "text where an integer is mapped": chunk([b'{"id":"one","text":"x"}']),
    "a value of 8 MB": chunk([b'{"id":1,"text":"%b"}' % (b"x" * 8_000_000)]),
    "a key that is not UTF-8": chunk([b'{"id":1}'], keys=[b"\xff"]),
    "NUL in the key": chunk([b'{"id":1}'], keys=[b"a\0b"]),
    "a time 146 million years away": chunk([b'{"id":1}'], timestamps=[2**62]),
    "no time": chunk([b'{"id":1}'], timestamps=[-1]),
    "a header's value that is not UTF-8": chunk([b'{"id":1}'], headers=[[("h", b"\xff")]]),
    "NUL in a header's value": chunk([b'{"id":1}'], headers=[[("h", b"\0")]]),
    "NUL in a header's name": chunk([b'{"id":1}'], headers=[[("h\0", b"x")]]),
    "a header's name that is not UTF-8": chunk([b'{"id":1}'], headers=[UNREADABLE]),
}

Create = Callable[[], Writer]


@contextmanager
def writers(server: PostgreSQL, kafka: RealKafka) -> Iterator[Mapping[str, Create]]:
    """Give what makes each kind of writer, by its name in the table."""
    port, tables, topic = free_port(), list[str](), fresh_name("hostile")
    create_topic(kafka.bootstrap, topic, config={"max.message.bytes": "20000000"})
    url = f"http://127.0.0.1:{port}/records"

    def into_table(**options: Value) -> Create:
        tables.append(fresh_name("t").replace("-", "_"))
        return registry.kind(server.url, {"table": tables[-1], "create": True, **options}).create

    def into_file(**options: Value) -> Create:
        url = f"sqlite://{folder}/{fresh_name('file')}.db"
        return registry.kind(url, {"table": "t", "create": True, **options}).create

    with tempfile.TemporaryDirectory() as folder, Listener(port, _take_everything):
        try:
            yield {
                "http `ndjson`": registry.kind(url, {}).create,
                "http `values`": registry.kind(url, {"body": "values"}).create,
                "file": registry.kind(f"file://{folder}/out.ndjson", {}).create,
                "postgresql `bytea`": into_table(),
                "postgresql `text`": into_table(value="text"),
                "postgresql `jsonb`": into_table(value="jsonb"),
                "postgresql mapped": into_table(columns=MAPPED),
                "sqlite `bytea`": into_file(),
                "sqlite `text`": into_file(value="text"),
                "sqlite `jsonb`": into_file(value="jsonb"),
                "sqlite mapped": into_file(columns=MAPPED),
                "kafka": registry.kind(f"kafka://{kafka.bootstrap}/{topic}", {"exactly_once": "always"}).create,
            }
        finally:
            server.query(f"DROP TABLE IF EXISTS {', '.join(tables)}")


def _take_everything(conversation: Conversation) -> None:
    while conversation.request() is not None:
        conversation.say(TAKEN)


def cell(result: Result) -> str:
    """Return what the table says of ``result``."""
    if result == Delivered():
        return "yes"
    assert isinstance(result, Poison), f"a hostile record must be delivered or refused, not: {result}"
    return "poison"


def document(server: PostgreSQL, kafka: RealKafka) -> str:
    """Return the whole page."""
    with writers(server, kafka) as kinds:
        lines = [f"| record | {' | '.join(kinds)} |", f"|---{'|---' * len(kinds)}|"]
        made = [create() for create in kinds.values()]
        for name, record in RECORDS.items():
            cells = [cell(writer.write(Batch.of([record]), 1, time.monotonic() + 30)) for writer in made]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        for writer in made:
            writer.close()
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder, real_postgresql() as server, real_kafka(Path(folder)) as kafka:
        DOCUMENT.write_text(document(server, kafka), "utf-8")
    print(f"{DOCUMENT} is written", file=sys.stderr)  # noqa: T201 -- a command for people


if __name__ == "__main__":
    main()
