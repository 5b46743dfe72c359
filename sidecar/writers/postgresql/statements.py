"""The SQL of the writer: every name through psycopg's quoting, every value through its literals or as a parameter. Pure.

The offsets of a batch are moved by a compare-and-set: a partition's row changes only if it holds what this owner last read or wrote, and
is made only where there is none. The number of rows that changed tells whether all of them did. A write without that comparison, or
with ``GREATEST`` alone, lets a paused old owner write its records a second time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from sidecar.core.records import TopicPartition
from sidecar.writers.tables.declared import Declared
from sidecar.writers.tables.moves import Move

_FOR_ANSWERS = 0.9
"""The part of the time left that a statement may take: so the server's own time limit comes before ours, and it can say so."""

_FOR_LOCKS = 0.8
"""The part of the time left that a lock may be waited for."""

_LEAST_MS = 1
"""0 would be no limit at all."""


class Statements:
    """The statements for one table and consumer group."""

    def __init__(self, declared: Declared, group: str) -> None:
        self._declared = declared
        self._group = Literal(group)
        self._table = Identifier(*declared.table)
        self._offsets = Identifier(*declared.offsets_table)

    def copy(self) -> Composed:
        """Return the COPY that takes rows of the declared columns."""
        names = _listed([Identifier(column.name) for column in self._declared.columns])
        return SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(self._table, names)

    def upsert(self) -> Composed:
        """Return the statement that inserts or replaces rows; its parameters are the declared columns as arrays."""
        columns = self._declared.columns
        others = [Identifier(column.name) for column in columns if column not in self._declared.key]
        new = [SQL("{0} = EXCLUDED.{0}").format(name) for name in others]
        return SQL("INSERT INTO {} ({}) SELECT * FROM unnest({}) ON CONFLICT ({}) DO {}").format(
            self._table,
            _listed([Identifier(column.name) for column in columns]),
            _arrays([column.type for column in columns]),
            _listed([Identifier(column.name) for column in self._declared.key]),
            SQL("UPDATE SET {}").format(_listed(new)) if new else SQL("NOTHING"),
        )

    def delete(self) -> Composed:
        """Return the statement that deletes rows; its parameters are the columns of the primary key as arrays."""
        names = [Identifier(column.name) for column in self._declared.key]
        same = [SQL("t.{0} = k.{0}").format(name) for name in names]
        return SQL("DELETE FROM {} AS t USING unnest({}) AS k ({}) WHERE {}").format(
            self._table, _arrays([column.type for column in self._declared.key]), _listed(names), SQL(" AND ").join(same)
        )

    def begin(self, seconds: float, moves: Mapping[TopicPartition, Move]) -> Composed:
        """Return what opens the transaction with its time limits, and moves the offsets: one round trip for all of it.

        The first row of a partition is on the disk before COMMIT is answered, whatever ``synchronous_commit`` is. A crash may forget later moves together with their
        rows, and the partition begins again before them. With its first row forgotten, too, it would begin at Kafka's offset, which may be beyond.
        """
        placed = self._place(moves)
        durable = SQL("SET LOCAL synchronous_commit = on") if placed is not None else None
        written = [move for move in (durable, self._advance(moves), placed) if move is not None]
        return SQL("; ").join([SQL("BEGIN ISOLATION LEVEL READ COMMITTED"), *limits(seconds), *written])

    def read(self, tps: Collection[TopicPartition]) -> Composed:
        """Return the question for the offsets of ``tps``: (topic, partition, next offset) of each that there is."""
        return SQL(
            "SELECT topic, partition, next_offset FROM {} WHERE consumer_group = {} AND (topic, partition) IN ({})"
        ).format(self._offsets, self._group, _listed([SQL("({}, {})").format(tp.topic, tp.partition) for tp in tps]))

    def _advance(self, moves: Mapping[TopicPartition, Move]) -> Composed | None:
        rows = [
            SQL("({}, {}, {}::bigint, {}::bigint)").format(tp.topic, tp.partition, move.expected, move.end)
            for tp, move in moves.items()
            if move.expected is not None
        ]
        return SQL(
            "UPDATE {} AS o SET next_offset = n.next_offset, updated_at = now() "
            "FROM (VALUES {}) AS n (topic, partition, expected, next_offset) "
            "WHERE o.consumer_group = {} AND o.topic = n.topic AND o.partition = n.partition AND o.next_offset = n.expected"
        ).format(self._offsets, _listed(rows), self._group) if rows else None  # fmt: skip

    def _place(self, moves: Mapping[TopicPartition, Move]) -> Composed | None:
        rows = [
            SQL("({}, {}, {}, {})").format(self._group, tp.topic, tp.partition, move.end)
            for tp, move in moves.items()
            if move.expected is None
        ]
        return SQL(
            "INSERT INTO {} (consumer_group, topic, partition, next_offset) VALUES {} ON CONFLICT DO NOTHING"
        ).format(self._offsets, _listed(rows)) if rows else None  # fmt: skip


def limits(seconds: float) -> Sequence[Composed]:
    """Return what limits the transaction to ``seconds``. ``SET LOCAL`` ends with it, so nothing is left in a pooled session."""
    return [
        SQL("SET LOCAL {} = {}").format(SQL(name), max(_LEAST_MS, int(seconds * part * 1000)))
        for name, part in (
            ("lock_timeout", _FOR_LOCKS),
            ("statement_timeout", _FOR_ANSWERS),
            ("idle_in_transaction_session_timeout", 1.0),
        )
    ]


def _arrays(types: Sequence[str]) -> Composed:
    return _listed([SQL("%b::{}[]").format(SQL(type_)) for type_ in types])


def _listed(items: Sequence[Composable]) -> Composed:
    return SQL(", ").join(items)
