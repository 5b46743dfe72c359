from __future__ import annotations

import threading

import psycopg

from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, Fenced, Result
from tests.contract.batches import chunk
from tests.contract.postgresql.stage import ORDERS, Stage, orders, soon, write
from tests.parts.postgresql.pgbouncer import pgbouncer


def test_writers_share_few_sessions_through_pgbouncer_in_transaction_mode(stage: Stage) -> None:
    results: list[Result] = []
    stage.made()

    def load(partition: int, url: str) -> None:
        writer = stage.writer(url)
        tp = TopicPartition("orders", partition)
        for first in range(0, 200, 10):
            part = chunk([b"x"] * 10, offset=first, partition=partition)
            results.append(write(writer, Batch.of([part], {tp: first or None})))

    with pgbouncer(stage.server.url, sessions=2) as url:
        threads = [threading.Thread(target=load, args=(partition, url)) for partition in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stage.writer(url).connect(soon())
        make = stage.kind(url).stored_offsets
        assert make is not None
        offsets = make()
        assert offsets.read([ORDERS], soon()) == {ORDERS: 200}
        offsets.close()
        assert isinstance(write(stage.writer(url), orders(100, 150, 100)), Fenced)

    assert results == [Delivered()] * 120
    rows = stage.query('SELECT partition, "offset" FROM {t} ORDER BY partition, "offset"')
    assert rows == [(partition, offset) for partition in range(6) for offset in range(200)]


def test_rows_are_replaced_through_pgbouncer_and_no_session_keeps_a_limit(stage: Stage) -> None:
    with pgbouncer(stage.server.url, sessions=1) as url:
        writer = stage.writer(url, columns="id=@key:text, n=$.n:bigint", key="id")
        for attempt in range(10):  # more often than psycopg would need to prepare a statement
            first = attempt * 2
            part = chunk([b'{"n":%d}' % attempt, None], keys=[b"a", b"b"], offset=first)
            assert write(writer, Batch.of([part], {ORDERS: first or None})) == Delivered()
        with psycopg.connect(url, autocommit=True) as session:
            assert session.execute("SHOW statement_timeout").fetchone() == ("0",)
            assert session.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)

    assert stage.query("SELECT id, n FROM {t}") == [("a", 9)]
