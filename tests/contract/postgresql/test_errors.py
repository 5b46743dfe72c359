from __future__ import annotations

import threading
from typing import Any

import pytest

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Poison, Result, Retriable, Systemic
from sidecar.writers.postgresql.errors import copied_row, meaning
from tests.contract.batches import chunk
from tests.contract.postgresql.stage import ORDERS, Stage, orders, soon, write

SERVER_FIRST = 2.0
"""Seconds: a tenth of them lies between the server's limit for a lock, its limit for a statement and ours, which are to come in that order."""

RAISES = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.value = 'bad hunter2' THEN RAISE EXCEPTION 'hunter2' USING ERRCODE = TG_ARGV[0]; END IF; RETURN NEW; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON {{t}} FOR EACH ROW EXECUTE FUNCTION refuse('{sqlstate}')
"""


HOLDS = """
CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON {t} FOR EACH ROW WHEN (NEW.id = 'b') EXECUTE FUNCTION hold()
"""


def texts(*values: str) -> Batch:
    return Batch.of([chunk([value.encode() for value in values])], {ORDERS: None})


def refused_for_good(result: Result) -> Poison:
    assert isinstance(result, Poison)
    assert "hunter2" not in result.reason
    return result


@pytest.mark.parametrize(
    ("sqlstate", "result"),
    [
        ("40001", Retriable),
        ("40P01", Retriable),
        ("55P03", Retriable),
        ("55006", Retriable),
        ("57014", Retriable),
        ("57P01", Retriable),
        ("57P02", Retriable),
        ("57P05", Retriable),
        ("25P03", Retriable),
        ("57P03", Systemic),
        ("53100", Systemic),
        ("53200", Systemic),
        ("53300", Systemic),
        ("25006", Systemic),
        ("08006", Systemic),
        ("3D000", Systemic),
        ("3F000", Systemic),
        ("28000", Systemic),
        ("42P01", Systemic),
        ("42703", Systemic),
        ("42501", Systemic),
        ("22P03", Systemic),
        ("22P04", Systemic),
        ("22003", Poison),
        ("23505", Poison),
        ("44000", Poison),
        ("21000", Poison),
        ("54001", Poison),
        ("P0001", Poison),
        ("58030", Systemic),
        ("XX001", Systemic),
        ("F0001", Systemic),
        ("ZZ999", Retriable),
    ],
)
def test_each_sqlstate_means_what_the_table_says_and_the_next_batch_passes(stage: Stage, sqlstate: str, result: type) -> None:
    writer = stage.made(value="text")
    stage.query(RAISES.format(sqlstate=sqlstate))

    found = write(writer, texts("good", "bad hunter2"))

    assert type(found) is result
    assert meaning(sqlstate) is result
    assert sqlstate in found.reason  # type: ignore[union-attr]  # each of the three has one
    assert "hunter2" not in found.reason  # type: ignore[union-attr]  # as above
    if not isinstance(found, Systemic):
        assert isinstance(found, Retriable | Poison)
        assert (found.said.status, found.said.text) == (sqlstate, "hunter2")
    assert (stage.column("value"), stage.stored()) == ([], {})
    assert write(writer, texts("good")) == Delivered()


def test_what_has_no_sqlstate_may_pass_later() -> None:
    assert meaning(None) is Retriable


@pytest.mark.parametrize("bad", [0, 1, 1500, 2999])
def test_a_row_that_copy_refuses_is_named_by_its_place_in_kafka(stage: Stage, bad: int) -> None:
    writer = stage.made(value="text")
    stage.query("ALTER TABLE {t} ADD CONSTRAINT short CHECK (value <> 'hunter2')")
    parts = [
        chunk([b"hunter2" if n == bad else b"x" for n in range(first, first + 1000)], offset=first + 50)
        for first in (0, 1000, 2000)
    ]

    poison = refused_for_good(write(writer, Batch.of(parts, {ORDERS: None})))

    assert [(failure.tp, failure.offset) for failure in poison.named] == [(ORDERS, bad + 50)]
    assert poison.reason == f"PostgreSQL: check violation (23514), constraint short, table {stage.table}"
    assert poison.said.status == "23514"


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        ("ALTER TABLE {t} ADD PRIMARY KEY (value)", ["twice", "twice"]),
        ("ALTER TABLE {t} ALTER key SET NOT NULL", ["x", "y"]),
        ("ALTER TABLE {t} ALTER value TYPE varchar(3)", ["x", "too long"]),
    ],
    ids=["unique", "not null", "too long"],
)
def test_a_row_that_violates_a_constraint_is_named(stage: Stage, change: str, bad: list[str]) -> None:
    writer = stage.made(value="text")
    stage.query(change)
    batch = Batch.of([chunk([value.encode() for value in bad], keys=[b"k", b"l" if "NULL" not in change else None])])
    poison = refused_for_good(write(writer, batch))
    assert [failure.offset for failure in poison.named] == [1]


def test_a_number_that_jsonb_cannot_hold_is_named(stage: Stage) -> None:
    batch = Batch.of([chunk([b"1", b"[1e999999]", b"3"])])
    poison = refused_for_good(write(stage.writer(value="jsonb"), batch))
    assert [failure.offset for failure in poison.named] == [1]
    assert "22003" in poison.reason


def test_what_is_found_at_the_end_of_the_statement_or_the_transaction_is_poison_without_a_name(stage: Stage) -> None:
    writer = stage.made(value="text")
    stage.query("CREATE TABLE {t}_known (id text PRIMARY KEY); INSERT INTO {t}_known VALUES ('a')")
    try:
        for deferred in ("", " DEFERRABLE INITIALLY DEFERRED"):
            stage.query(
                f"ALTER TABLE {{t}} DROP CONSTRAINT IF EXISTS known, ADD CONSTRAINT known FOREIGN KEY (value) REFERENCES {{t}}_known{deferred}"
            )
            poison = refused_for_good(write(writer, texts("a", "hunter2")))
            assert poison.named == ()
            assert "foreign key violation (23503), constraint known" in poison.reason
            assert stage.stored() == {}
    finally:
        stage.query("DROP TABLE {t}, {t}_known")


def test_the_context_of_another_statement_tells_no_row() -> None:
    assert copied_row("COPY t, line 3, column value", "t") == 2
    assert copied_row("COPY t, Zeile 3", "t") is None
    assert copied_row("COPY other, line 3", "t") is None
    assert copied_row('SQL statement "COPY t, line 3"', "t") is None
    assert copied_row(None, "t") is None


def test_of_two_transactions_that_wait_for_each_other_ours_is_repeated(stage: Stage) -> None:
    """A session looks for a deadlock once, a while after it began to wait. So ours comes last: it is held between its two rows until the other waits."""
    writer = stage.writer(columns="id=@key:text, n=$:text", key="id")
    both = Batch.of([chunk([b"1", b"2"], keys=[b"a", b"b"])])
    assert write(writer, both) == Delivered()
    stage.query(HOLDS)
    results: list[Result] = []
    with stage.session() as gate, stage.session() as other:
        gate.execute("SELECT pg_advisory_xact_lock(4711)")
        other.execute("SET deadlock_timeout = '60s'")
        other.execute(f"UPDATE {stage.table} SET n = 'other' WHERE id = 'b'")  # noqa: S608 -- our own name
        ours = threading.Thread(target=lambda: results.append(write(writer, both)))
        ours.start()
        stage.wait_until_waiting()
        update = f"UPDATE {stage.table} SET n = 'other' WHERE id = 'a'"  # noqa: S608 -- as above
        theirs = threading.Thread(target=other.execute, args=(update.encode(),))
        theirs.start()
        stage.wait_until_waiting(2)
        gate.rollback()
        ours.join()
        theirs.join()
    assert [type(result) for result in results] == [Retriable]
    assert "deadlock detected (40P01)" in results[0].reason  # type: ignore[union-attr]  # it is Retriable
    assert write(writer, both) == Delivered()


@pytest.mark.parametrize("table", ["{t}", "{o}"])
def test_a_lock_that_others_keep_is_waited_for_no_longer_than_the_flush_may_take(stage: Stage, table: str) -> None:
    writer = stage.made()
    with stage.session() as other:
        other.execute(table.format(t=f"LOCK TABLE {stage.table}", o=f"LOCK TABLE {stage.offsets_table}"))
        result = write(writer, orders(0, 5, None), within=SERVER_FIRST)
    assert isinstance(result, Retriable)
    assert "lock not available (55P03)" in result.reason
    assert write(writer, orders(0, 5, None)) == Delivered()


def test_a_statement_that_takes_too_long_is_ended_by_the_server(stage: Stage) -> None:
    writer = stage.made(value="text")
    stage.query("ALTER TABLE {t} ADD CONSTRAINT slow CHECK (pg_sleep(20) IS NOT NULL)")
    result = write(writer, orders(0, 1, None), within=SERVER_FIRST)
    assert isinstance(result, Retriable)
    assert "query canceled (57014)" in result.reason


def test_a_server_with_no_connection_left_takes_no_batch(stage: Stage) -> None:
    stage.made()
    with stage.role("CONNECTION LIMIT 0") as url:
        result = write(stage.writer(url, create=False), orders(0, 5, None))
    assert isinstance(result, Systemic)
    assert "too many connections" in result.reason
    assert "hunter2" not in result.reason


def test_a_wrong_password_is_told_without_it(stage: Stage) -> None:
    result = write(stage.writer(stage.server.url.replace(":hunter2@", ":hunter3@")), orders(0, 5, None))
    assert isinstance(result, Systemic)
    assert "password authentication failed" in result.reason
    assert "hunter3" not in result.reason


def test_a_database_that_is_not_there_takes_no_batch(stage: Stage) -> None:
    result = write(stage.writer(stage.server.url.replace("/postgres", "/nowhere")), orders(0, 5, None))
    assert isinstance(result, Systemic)
    assert 'database "nowhere" does not exist' in result.reason


def test_a_server_that_is_read_only_takes_no_batch_and_is_asked_anew_on_another_connection(stage: Stage) -> None:
    stage.made()
    with stage.role() as url:
        name = url.partition("//")[2].partition(":")[0]
        stage.query(f"GRANT ALL ON {{t}}, {{o}} TO {name}; ALTER ROLE {name} SET default_transaction_read_only = on")
        writer = stage.writer(url, create=False)
        result = write(writer, orders(0, 5, None))
        assert isinstance(result, Systemic)
        assert "read only sql transaction (25006)" in result.reason

        stage.query(f"ALTER ROLE {name} RESET default_transaction_read_only")
        assert write(writer, orders(0, 5, None)) == Delivered()
        writer.close()


@pytest.mark.parametrize(
    ("change", "sqlstate"),
    [
        ("DROP TABLE {t}", "42P01"),
        ("DROP TABLE {o}", "42P01"),
        ('ALTER TABLE {t} RENAME COLUMN "offset" TO place', "42703"),
        ("ALTER TABLE {t} ALTER partition TYPE bigint", "08P01"),
        ("ALTER TABLE {t} ALTER value TYPE jsonb USING NULL", "XX000"),
    ],
)
def test_a_table_that_was_changed_takes_no_batch(stage: Stage, change: str, sqlstate: str) -> None:
    writer = stage.made()
    stage.query(change)
    result = write(writer, orders(0, 5, None))
    assert isinstance(result, Systemic)
    assert sqlstate in result.reason


def test_a_user_without_rights_takes_no_batch(stage: Stage) -> None:
    stage.made()
    with stage.role() as url:
        writer = stage.writer(url, create=False)
        result = write(writer, orders(0, 5, None))
        writer.close()
    assert isinstance(result, Systemic)
    assert "insufficient privilege (42501)" in result.reason


def test_a_port_that_nobody_listens_on_is_told_by_name(stage: Stage) -> None:
    writer = stage.writer("postgresql://me:hunter2@127.0.0.1:1/x")
    assert isinstance(write(writer, orders(0, 5, None)), Systemic)
    with pytest.raises(WriterUnavailable, match=r"no connection to postgresql://127.0.0.1:1/x: .*Connection refused") as refused:
        writer.connect(soon())
    assert "hunter2" not in str(refused.value)


def test_a_failed_batch_does_not_cost_the_connection(stage: Stage) -> None:
    writer = stage.writer(f"{stage.server.url}?application_name={stage.table}", value="jsonb")
    writer.connect(soon())

    def session() -> Any:
        """Return ours alone: those of writers that were closed before may still be on their way out."""
        return stage.query("SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name = '{t}'")

    before = session()
    assert isinstance(write(writer, Batch.of([chunk([b"[1e999999]"])], {ORDERS: None})), Poison)
    assert write(writer, orders(0, 5, None)) == Delivered()
    assert session() == before
