"""Faults 42 to 45: a database that crashes, ends sessions, is busy, full, read-only, or changed. Each record is in the table once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.pq import ExecStatus

from tests.contract.listener import Listener
from tests.contract.postgresql.stage import cut
from tests.integration.faults.tables import LONG, Table
from tests.integration.lifecycle.scene import drain
from tests.parts.missing import part_missing
from tests.parts.postgresql.server import Given
from tests.parts.process import RunningSidecar
from tests.parts.waiting import free_port, wait_for

LOAD = 20_000

GATE = "hashtext('{o}')"
PASS_THE_GATE = f"""
CREATE FUNCTION {{o}}_pass() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN NULL; END$$;
CREATE TRIGGER pass AFTER UPDATE ON {{o}} FOR EACH STATEMENT EXECUTE FUNCTION {{o}}_pass()
"""
"""Keeps a transaction from going on, once it has written the offsets, while another session holds the lock of the gate."""

WAITS = "SELECT 1 FROM pg_stat_activity WHERE usename = '{r}' AND wait_event_type = 'Lock'"
WAITS_AT_THE_GATE = WAITS + " AND wait_event = 'advisory'"


def let_it_write(it: Table) -> None:
    """Produce, and return when a tenth of it is in the table, which is there from then on."""
    it.wait_made()
    before = it.count()
    it.produce(LOAD)
    it.wait_rows(before + LOAD // 10)


@contextmanager
def a_flush_that_waits(it: Table) -> Iterator[None]:
    """Have a transaction of ours under way: what is written at 200,000 rows a second may be there before anything is done to it."""
    with closing(it.session()) as other:
        other.execute(it.statement("LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE").encode())
        it.produce(LOAD)
        wait_for(lambda: it.query(WAITS), "our transaction waits for the table", LONG)
        yield


def end(it: Table, sidecar: RunningSidecar, *missing: int) -> None:
    """Assert that it catches up and drains, and that everything is there once."""
    it.wait_caught_up(sidecar)
    drain(sidecar)
    it.assert_each_once(*missing)


def why(sidecar: RunningSidecar, name: str = "flush.failed") -> list[str]:
    return [str(line.get("reason")) for line in sidecar.events(name)]


@pytest.mark.parametrize("synchronous_commit", ["on", "off"])
def test_fault_42_a_database_that_crashes_under_load_has_every_record_once(it: Table, synchronous_commit: str) -> None:
    """Without synchronous commits it forgets rows and offsets, both together: the next flush of their partition is fenced, and begins again there."""
    it.query("ALTER ROLE {r} SET synchronous_commit = " + synchronous_commit)
    with it.sidecar() as sidecar:
        let_it_write(it)
        it.query("CHECKPOINT")  # else it may forget the table itself
        for _ in range(3):
            let_it_write(it)
            it.server.crash()
            it.server.start()
        with a_flush_that_waits(it):
            it.server.crash()
        it.server.start()
        it.wait_rows(it.produced)
        end(it, sidecar)
        assert why(sidecar)


def test_fault_43_backends_that_are_terminated_in_a_loop_cost_no_record(it: Table) -> None:
    with it.sidecar() as sidecar:
        let_it_write(it)
        before = it.count()
        for _ in range(50):
            it.terminate()
        it.produce(LOAD)
        for _ in range(50):
            it.terminate()
        with a_flush_that_waits(it):
            it.terminate()
        end(it, sidecar)
        assert it.count() > before
        assert why(sidecar)


def test_fault_43_a_commit_whose_answer_is_lost_is_written_once(it: Table) -> None:
    """The connection is cut behind the word COMMIT, twenty times: the database has it, and the process does not know."""
    port, server = free_port(), urlsplit(it.url)
    script = cut(server.port or 5432, at=b"COMMIT", before_the_server=False, times=20)
    url = server._replace(netloc=f"{server.username}:{server.password}@127.0.0.1:{port}").geturl()
    it.produce(LOAD)
    with Listener(port, script), it.sidecar(url) as sidecar:
        end(it, sidecar)
        assert "the connection to PostgreSQL was lost" in why(sidecar)
        assert sidecar.events("partition.stopped") == []


def test_fault_44_a_lock_that_is_kept_is_waited_for(it: Table) -> None:
    with it.sidecar(WRITER__TIMEOUT="1s") as sidecar:
        let_it_write(it)
        with it.session() as other:
            other.execute(it.statement("LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE").encode())
            it.produce(LOAD)
            wait_for(lambda: told_of(sidecar, "55P03"), "a flush that got no lock", LONG)
        end(it, sidecar)


def test_fault_44_of_two_transactions_that_wait_for_each_other_ours_is_repeated(it: Table) -> None:
    """Another one locks the table first and the offsets then, ours does it the other way round, and is the one that looks for a deadlock first."""
    with it.sidecar(FLUSH__MAX_IN_FLIGHT="1") as sidecar:  # the other one waits for this transaction alone
        let_it_write(it)
        it.wait_caught_up(sidecar)  # so ours will move an offset that is there, and be in the way of who moves all of them
        it.query(PASS_THE_GATE)
        with closing(it.session()) as gate, it.session() as other:
            gate.execute(it.statement(f"SELECT pg_advisory_xact_lock({GATE})").encode())
            other.execute(b"SET LOCAL deadlock_timeout = '60s'")
            other.execute(it.statement("LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE").encode())
            it.produce(LOAD)
            wait_for(lambda: it.query(WAITS_AT_THE_GATE), "our transaction has written its offsets", LONG)
            other.pgconn.send_query(it.statement("UPDATE {o} SET updated_at = now()").encode())
            wait_for(lambda: it.query(waits(other)), "the other one waits for them", LONG)
            gate.rollback()
            wait_for(lambda: told_of(sidecar, "40P01"), "a deadlock", LONG)
            answer = other.pgconn.get_result()
            assert answer is not None
            assert answer.status == ExecStatus.COMMAND_OK
            assert other.pgconn.get_result() is None
        it.query("DROP FUNCTION {o}_pass CASCADE")
        end(it, sidecar)


def test_fault_44_where_transactions_are_serializable_by_default_another_one_in_the_same_rows_fails_none_of_ours(
    it: Table,
) -> None:
    """Ours says READ COMMITTED itself: it waits for the offsets that the other one has changed, and finds them as they are then."""
    with it.sidecar() as sidecar:
        let_it_write(it)
        it.wait_caught_up(sidecar)  # so nothing is under way
        it.query("ALTER ROLE {r} SET default_transaction_isolation = 'serializable'")
        it.terminate()
        with it.session() as other:
            other.execute(it.statement("UPDATE {o} SET updated_at = now()").encode())
            it.produce(LOAD)
            wait_for(lambda: it.query(WAITS), "our transaction waits for the offsets", LONG)
            other.execute(b"COMMIT")
        it.wait_rows(2 * LOAD)
        end(it, sidecar)
        assert not told_of(sidecar, "40001")
        it.query("ALTER ROLE {r} RESET default_transaction_isolation")


def test_fault_44_a_server_without_a_connection_left_opens_the_breaker(it: Table) -> None:
    with it.sidecar() as sidecar:
        let_it_write(it)
        it.query("ALTER ROLE {r} CONNECTION LIMIT 0")
        it.terminate()
        it.produce(LOAD)
        refused(sidecar, "too many connections")
        it.query("ALTER ROLE {r} CONNECTION LIMIT -1")
        end(it, sidecar)


def test_fault_44_a_server_that_is_read_only_is_waited_for(it: Table) -> None:
    with it.sidecar() as sidecar:
        let_it_write(it)
        it.query("ALTER ROLE {r} SET default_transaction_read_only = on")
        it.terminate()
        it.produce(LOAD)
        refused(sidecar, "25006")
        it.query("ALTER ROLE {r} RESET default_transaction_read_only")
        end(it, sidecar)


def test_fault_45_a_column_that_is_renamed_stops_everything_and_dead_letters_nothing(it: Table) -> None:
    with it.sidecar(ON_POISON="drop") as sidecar:
        let_it_write(it)
        it.query("ALTER TABLE {t} RENAME COLUMN value TO payload")
        it.produce(LOAD)
        status = refused(sidecar, "42703")
        assert status["books"]["dropped"] == {}
        it.query("ALTER TABLE {t} RENAME COLUMN payload TO value")
        end(it, sidecar)


def test_fault_45_a_row_that_violates_a_constraint_is_the_only_one_that_is_not_there(it: Table) -> None:
    bad = 12_345
    with it.sidecar(ON_POISON="drop", FLUSH__MAX_BATCH="10000") as sidecar:
        it.wait_made()
        it.query("ALTER TABLE {t} ADD CONSTRAINT wanted CHECK ((value::json ->> 'id')::bigint <> " + f"{bad})")
        it.produce(LOAD)
        end(it, sidecar, bad)
        [dropped] = sidecar.events("records.dropped")
        assert (dropped["records"], dropped["reason"]) == (1, "poison")


@pytest.fixture
def on_small_disk(it: Table, small_disk: Path) -> Iterator[Path]:
    """Have the tables made on a small disk; return a file that takes up almost all of it."""
    if isinstance(it.server, Given):
        part_missing("the PostgreSQL at TEST_POSTGRESQL_URL has other disks", "unset it")
    (small_disk / "space").mkdir()
    shutil.chown(small_disk / "space", "nobody")  # as whom our own server runs where this is root
    it.query(f"CREATE TABLESPACE {{r}} LOCATION '{small_disk / 'space'}'")
    it.query("GRANT CREATE ON TABLESPACE {r} TO {r}; ALTER ROLE {r} SET default_tablespace = {r}")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(7_000_000))
    try:
        yield filler
    finally:
        it.query("DROP TABLE IF EXISTS {t}, {o}")
        it.query("DROP TABLESPACE {r}")


def test_fault_45_a_disk_that_is_full_holds_everything_until_there_is_room(it: Table, on_small_disk: Path) -> None:
    it.produce(LOAD)
    with it.sidecar() as sidecar:
        refused(sidecar, "53100")
        on_small_disk.unlink()
        end(it, sidecar)


def waits(session: psycopg.Connection[Any]) -> str:
    """Return a question for whether ``session`` waits for a lock."""
    return f"SELECT 1 FROM pg_stat_activity WHERE pid = {session.info.backend_pid} AND wait_event_type = 'Lock'"  # noqa: S608 -- a number


def told_of(sidecar: RunningSidecar, word: str) -> bool:
    return any(word in reason for reason in why(sidecar))


def refused(sidecar: RunningSidecar, word: str) -> Any:
    """Return the status when nothing passes any more, and its reason has ``word``."""
    return sidecar.wait_status(
        lambda status: status["breaker"]["state"] == "open" and word in (status["breaker"]["reason"] or ""),
        f"the breaker is open for {word}",
        LONG,
    )
