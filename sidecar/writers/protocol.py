"""The seam between the runtime and a downstream: one Protocol, and what the runtime must know of a kind of writer.

Each flusher thread owns one writer and calls it from that thread only; a writer needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Result
from sidecar.writers.options import Options, Value


class Writer(Protocol):
    """A connection to the downstream."""

    def connect(self, deadline: float) -> None:
        """Check that the downstream can be reached, without writing a record.

        ``deadline`` is a ``time.monotonic()`` value. Raises :class:`~sidecar.core.errors.WriterUnavailable`
        with a reason for people. Called by ``kafka-sidecar check``; :meth:`write` connects by itself.
        """

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:
        """Hand over ``batch`` and return what came of it, by ``deadline`` (a ``time.monotonic()`` value).

        ``attempt`` is 1 on the first try. The answer is durable as far as the downstream promises it.
        Failures of the downstream are results; an exception is a bug of the writer.
        """

    def close(self) -> None:
        """Give back sockets and files; never raises, may be called twice."""


class StoredOffsets(Protocol):
    """The offsets that a downstream keeps beside its records, for exactly-once: read when a partition is assigned.

    Used from one thread of its own, never from a flusher's.
    """

    def read(self, tps: Collection[TopicPartition], deadline: float) -> Mapping[TopicPartition, int]:
        """Return the next offset of each of ``tps`` that has one there.

        ``deadline`` is a ``time.monotonic()`` value. Raises :class:`~sidecar.core.errors.WriterUnavailable`.
        """

    def close(self) -> None:
        """Give back the connection; never raises, may be called twice."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Our place in the consumer group at one moment, published whole by the thread that owns the consumer.

    ``metadata`` is the client's own token of it (a writer inside of Kafka fences with it; it may be None where no partition was ours), ``epochs`` are the partitions that were ours then,
    each with its epoch.
    """

    metadata: object
    epochs: Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a writer may know of the process that it is part of.

    ``group`` is the consumer group, ``topics`` are the names and patterns that it consumes, ``kafka`` the properties of its consumer, ``membership`` returns the present place in the group (None: there is none).
    """

    group: str = ""
    topics: Sequence[str] = ()
    kafka: Mapping[str, str | int | bool] = field(default_factory=dict)
    membership: Callable[[], Membership | None] = lambda: None


@dataclass(frozen=True, slots=True)
class WriterKind:
    """How to make writers for one destination, and what they need from the runtime.

    ``max_in_flight`` limits how many flushes may run at once (None: no limit of its own),
    ``needs_headers`` and ``needs_timestamps`` tell whether the headers and the timestamp of each record must be read (both cost time on each record; without the
    second, a timestamp may be that of a record shortly before it).
    ``name`` is for people and carries no credentials. ``stored_offsets`` is there where the downstream keeps offsets itself, and ``commits_with_records`` tells that they
    are the group's own, in Kafka; ``ddl`` returns what makes its
    tables, for people to run, where it has any.
    """

    name: str
    create: Callable[[], Writer]
    max_in_flight: int | None
    needs_headers: bool
    needs_timestamps: bool = True
    stored_offsets: Callable[[], StoredOffsets] | None = None
    commits_with_records: bool = False
    ddl: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a module of writers offers, by the scheme of ``SIDECAR_WRITER__URL``.

    ``example`` shows how its URLs look. ``kind`` makes the kind of writer of a URL, of the options (each of ``options``, with its default where it was not
    given) and of the surroundings; it raises :class:`~sidecar.core.errors.ConfigurationError` for what cannot work, and connects to nothing.
    """

    example: str
    options: Options
    kind: Callable[[str, Mapping[str, Value], Surroundings], WriterKind]
