"""``sqlite:///path/file.db``: records as rows of a file, each exactly once.

The rows of a batch and the offset that follows it, by consumer group and partition, are written in one transaction, which is on the disk
(WAL, ``synchronous=FULL``) before the answer. The offset is moved by a compare-and-set (:mod:`sidecar.writers.tables.moves`), and a partition
begins at the offset in the file, not at Kafka's. So neither a crash at any moment nor an old owner that wakes up writes a record twice or not at all.

=============== =============================================================================================
``writer``      the transaction of a batch, and what came of it
``statements``  its SQL
``cells``       what is stored of each declared type
``errors``      what each error code means
``database``    the file: opening it, with the tables made where that was asked for
``offsets``     the stored offsets, read when a partition is assigned
``definitions`` the DDL
``catalog``     what ``kafka-sidecar check`` looks at: tables, columns, keys
=============== =============================================================================================
"""

from sidecar.writers.sqlite.scheme import SCHEME

__all__ = ["SCHEME"]
