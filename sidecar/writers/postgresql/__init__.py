"""``postgresql://``: records as rows, each exactly once.

The rows of a batch and the offset that follows it, by consumer group and partition, are written in one transaction. The offset is moved
by a compare-and-set (:mod:`~sidecar.writers.postgresql.statements`): where it is not what this owner last read or wrote, another owner has
written, everything is rolled back, and the partition is given back (``Fenced``). A partition begins at the offset in the table, not at
Kafka's. So neither a crash at any moment, nor a paused old owner that wakes up, nor a lost answer writes a record twice or not at all.

=============== =============================================================================================
``writer``      the transaction of a batch, and what came of it
``statements``  its SQL
``binary``      cells as PostgreSQL's binary formats
``errors``      what each SQLSTATE means
``connection``  connections that keep a deadline and leave nothing in a session
``database``    opening them, with the tables made where that was asked for
``offsets``     the stored offsets, read when a partition is assigned
``definitions`` the DDL
``catalog``     what ``kafka-sidecar check`` looks at: tables, columns, types, rights
=============== =============================================================================================
"""

from sidecar.writers.postgresql.scheme import SCHEME

__all__ = ["SCHEME"]
