"""Where the writers under test write to: real servers, files and pipes, each with a way to be down and come back."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from confluent_kafka import Message

from sidecar.core.records import UNREADABLE, Chunk, Headers, TopicPartition
from sidecar.writers import ndjson, registry
from sidecar.writers.protocol import Surroundings, Writer
from sidecar.writers.stdout import StdoutWriter
from tests.contract import keeping
from tests.contract.decoded import DECOMPRESS, bytes_of
from tests.contract.listener import Listener, relay_to
from tests.parts.app import Application
from tests.parts.kafka import RealKafka
from tests.parts.log import messages_in_log
from tests.parts.postgresql import PostgreSQL
from tests.parts.topics import create_topic, fresh_name

Lines = Mapping[int, Sequence[Mapping[str, Any]]]
"""Decoded lines by partition, in the order in which they were taken, repeats included."""


class Downstream(Protocol):
    """A place to write to."""

    def writer(self) -> Writer:
        """Return a new writer to it."""

    def go_down(self) -> None:
        """Take nothing from now on."""

    def come_back(self) -> None:
        """Take records again."""

    def lines(self) -> Lines:
        """Return what was taken; nothing can be written any more."""

    def close(self) -> None:
        """Give everything back."""


class OverTcp:
    """An application on a TCP port, which gets the records as ``options`` say."""

    options: ClassVar[Mapping[str, registry.Value]] = {}

    def __init__(self, _folder: Path) -> None:
        self.application = Application()

    @property
    def url(self) -> str:
        return self.application.url

    def writer(self) -> Writer:
        return registry.kind(self.url, self.options).create()

    def go_down(self) -> None:
        self.application.go_down()

    def come_back(self) -> None:
        self.application.come_back()

    def lines(self) -> Lines:
        return {partition: [record.line for record in records] for (_, partition), records in self.application.taken.items()}

    def close(self) -> None:
        self.application.go_down()


class AsArray(OverTcp):
    """An application that gets JSON arrays, compressed."""

    options: ClassVar[Mapping[str, registry.Value]] = {"body": "json", "compression": "gzip"}


class OneByOne(OverTcp):
    """An application that gets a request a record."""

    options: ClassVar[Mapping[str, registry.Value]] = {"body": "raw"}


class AsEvents(OverTcp):
    """An application that gets CloudEvents."""

    options: ClassVar[Mapping[str, registry.Value]] = {"body": "cloudevents"}


class AsValues(OverTcp):
    """An application that gets the payloads alone, so that it cannot say which records it took."""

    options: ClassVar[Mapping[str, registry.Value]] = {"body": "values"}


class OverUnix(OverTcp):
    """An application behind a unix socket."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._path = folder / "app.sock"
        self._door: Listener | None = self._open_door()

    @property
    def url(self) -> str:
        return f"http+unix://{str(self._path).replace('/', '%2F')}/records"

    def go_down(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None
        super().go_down()

    def come_back(self) -> None:
        super().come_back()
        self._door = self._open_door()

    def close(self) -> None:
        self.go_down()

    def _open_door(self) -> Listener:
        return Listener(self._path, relay_to(self.application.port))


class InFile:
    """A file that is rotated often, on a disk that can be full: the system's limit on the size of files stands for that."""

    COMPRESSION: str = "none"
    SUFFIX: str = ""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "out.ndjson"
        self._limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def writer(self) -> Writer:
        return registry.kind(f"file://{self._path}", {"rotate_size": 5000, "compression": self.COMPRESSION}).create()

    def go_down(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, self._limit[1]))

    def come_back(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limit)

    def lines(self) -> Lines:
        full, present = self._path.parent.glob("out.ndjson.0*"), self._path.parent.glob(f"out.ndjson{self.SUFFIX}")
        return _by_partition(DECOMPRESS[self.COMPRESSION](b"".join(file.read_bytes() for file in [*sorted(full), *present])))

    def close(self) -> None:
        self.come_back()


class InGzipFile(InFile):
    """The same, compressed: all files together are one stream."""

    COMPRESSION, SUFFIX = "gzip", ".gz"


class InZstdFile(InFile):
    """The same, compressed."""

    COMPRESSION, SUFFIX = "zstd", ".zst"


class OnStdout:
    """A small pipe, and a reader of it that can pause."""

    def __init__(self, _folder: Path) -> None:
        self._reading, writing = os.pipe()
        self._end = os.fdopen(writing, "wb")
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        self._read: list[bytes] = []
        self._awake = threading.Event()
        self._awake.set()
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._reader.start()

    def writer(self) -> Writer:
        return StdoutWriter(self._end.fileno())

    def go_down(self) -> None:
        self._awake.clear()

    def come_back(self) -> None:
        self._awake.set()

    def lines(self) -> Lines:
        self._end.close()
        self._reader.join()
        return _by_partition(b"".join(self._read))

    def close(self) -> None:
        self._awake.set()
        self._end.close()
        self._reader.join()
        os.close(self._reading)

    def _read_all(self) -> None:
        while self._awake.wait() and (piece := os.read(self._reading, 65536)):
            self._read.append(piece)


class InPython:
    """A function in this process, which fails while it is down."""

    def __init__(self, folder: Path) -> None:
        self._code = keeping.at(folder)

    def writer(self) -> Writer:
        return registry.kind(f"python:{keeping.__name__}:keep", {}).create()

    def go_down(self) -> None:
        self._code.up = False

    def come_back(self) -> None:
        self._code.up = True

    def lines(self) -> Lines:
        return _by_partition(self._code.path.read_bytes())

    def close(self) -> None:
        pass


class InAsyncPython(InPython):
    """A class whose methods are async, and wait for ever while it is down."""

    def writer(self) -> Writer:
        return registry.kind(f"python:{keeping.__name__}:Keeping", {}).create()


class InWorkingPython(InPython):
    """A class with a worker of its own, which has errors while it is down, and must outlive them."""

    def writer(self) -> Writer:
        return registry.kind(f"python:{keeping.__name__}:Working", {}).create()


class Nowhere:
    """Nothing is kept, and nothing is ever down."""

    def __init__(self, _folder: Path) -> None:
        pass

    def writer(self) -> Writer:
        return registry.kind("discard:", {}).create()

    def go_down(self) -> None:
        pass

    def come_back(self) -> None:
        pass

    def lines(self) -> Lines:
        raise NotImplementedError("nobody can have them back")

    def close(self) -> None:
        pass


class InPostgresql:
    """A table of a real server: a row a record, the time as Kafka has it. The server goes down by a crash."""

    PARTS = ("postgresql",)
    COLUMNS = (
        "topic=@topic:text, partition=@partition:integer, offset=@offset:bigint, timestamp=@timestamp:bigint, "
        "key=@key:bytea, value=$:bytea, headers=@headers:jsonb"
    )

    def __init__(self, _folder: Path, server: PostgreSQL) -> None:
        self._server = server
        self._table = fresh_name("records").replace("-", "_")
        self._up = True

    def writer(self) -> Writer:
        return registry.kind(self._server.url, {"table": self._table, "columns": self.COLUMNS, "create": True}).create()

    def go_down(self) -> None:
        self._server.crash()
        self._up = False

    def come_back(self) -> None:
        if not self._up:
            self._server.start()
            self._up = True

    def lines(self) -> Lines:
        rows = self._server.query(
            f'SELECT topic, partition, "offset", timestamp, key, value, headers FROM {self._table} ORDER BY ctid'  # noqa: S608 -- our own name
        )
        return _by_partition(b"".join(ndjson.encode_chunk(_chunk_of_row(row)) for row in rows))

    def close(self) -> None:
        self.come_back()


class InSqlite:
    """A table of a file. It is down while somebody else keeps the lock for writing."""

    COLUMNS = InPostgresql.COLUMNS

    def __init__(self, folder: Path) -> None:
        self._path = folder / "records.db"
        self._other: sqlite3.Connection | None = None

    def writer(self) -> Writer:
        return registry.kind(f"sqlite://{self._path}", {"table": "records", "columns": self.COLUMNS, "create": True}).create()

    def go_down(self) -> None:
        self._other = sqlite3.connect(self._path, isolation_level=None)
        self._other.execute("BEGIN EXCLUSIVE")

    def come_back(self) -> None:
        if self._other is not None:
            self._other.close()
            self._other = None

    def lines(self) -> Lines:
        with closing(sqlite3.connect(self._path)) as connection:
            rows = connection.execute(
                'SELECT topic, partition, "offset", timestamp, key, value, headers FROM records ORDER BY rowid'
            ).fetchall()
        records = ([*row, None if headers is None else json.loads(headers)] for *row, headers in rows)
        return _by_partition(b"".join(ndjson.encode_chunk(_chunk_of_row(record)) for record in records))

    def close(self) -> None:
        self.come_back()


class InTopic:
    """A topic of a real Kafka, written in transactions. Each record has its place in the source among its headers. Kafka goes down by a stop."""

    PARTS = ("kafka",)
    exactly_once = "always"

    def __init__(self, _folder: Path, kafka: RealKafka) -> None:
        self._kafka = kafka
        self._topic = fresh_name("records")
        self._up = True
        create_topic(kafka.bootstrap, self._topic, partitions=2, config={"max.message.bytes": "20000000"})

    def writer(self) -> Writer:
        options: dict[str, registry.Value] = {
            "exactly_once": self.exactly_once,
            "transactional_id_prefix": self._topic,
            "partition": "same",
            "source_headers": True,
        }
        return registry.kind(f"kafka://{self._kafka.bootstrap}/{self._topic}", options, Surroundings("group")).create()

    def go_down(self) -> None:
        self._kafka.stop()
        self._up = False

    def come_back(self) -> None:
        if not self._up:
            self._kafka.start()
            self._up = True

    def lines(self) -> Lines:
        messages = [m for partition in (0, 1) for m in messages_in_log(self._kafka.bootstrap, self._topic, partition)]
        return _by_partition(b"".join(ndjson.encode_chunk(_chunk_of_message(message)) for message in messages))

    def close(self) -> None:
        self.come_back()


class InTopicElsewhere(InTopic):
    """A topic of a cluster that is not the source's."""

    exactly_once = "never"


WHOLE: Sequence[Callable[..., Downstream]] = (
    OverTcp,
    OverUnix,
    AsArray,
    OneByOne,
    InFile,
    InGzipFile,
    InZstdFile,
    OnStdout,
    InPython,
    InAsyncPython,
    InWorkingPython,
    InPostgresql,
    InSqlite,
)
"""Those that can say what they took, and take all there is of a record."""

KEEPING: Sequence[Callable[..., Downstream]] = (*WHOLE, AsEvents, InTopic, InTopicElsewhere)
"""Those that can say what they took."""

EVERY: Sequence[Callable[..., Downstream]] = (*KEEPING, AsValues, Nowhere)


def _by_partition(content: bytes) -> Lines:
    *whole, rest = content.split(b"\n")
    assert rest == b""
    lines: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for line in map(json.loads, whole):
        lines[line["partition"]].append(line)
    return lines


def _chunk_of_row(row: Sequence[Any]) -> Chunk:
    """Return the record that a row of :class:`InPostgresql` or :class:`InSqlite` stands for."""
    topic, partition, offset, timestamp, key, value, headers = row
    tp = TopicPartition(topic, partition)
    time_ = -1 if timestamp is None else timestamp
    return Chunk(tp, 1, range(offset, offset + 1), [time_], [key], [value], [_headers(headers)], offset + 1, 0, 0.0, 0)


def _chunk_of_message(message: Message) -> Chunk:
    """Return the record of the source that a message of :class:`InTopic` was made from."""
    *own, topic, partition, offset = cast("list[tuple[str, bytes | None]]", message.headers())
    tp, at = TopicPartition((topic[1] or b"").decode(), int(partition[1] or b"")), int(offset[1] or b"")
    _, timestamp = message.timestamp()
    return Chunk(tp, 1, range(at, at + 1), [timestamp], [message.key()], [message.value()], [own or None], at + 1, 0, 0.0, 0)


def _headers(stored: Sequence[Mapping[str, Any]] | None) -> Headers | None:
    if stored == [{"unreadable": True}]:
        return UNREADABLE
    return None if stored is None else [(header["key"], bytes_of(header, "value", "value")) for header in stored]
