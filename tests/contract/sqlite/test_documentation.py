from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from sidecar.writers import registry
from sidecar.writers.sqlite import errors
from sidecar.writers.sqlite.cells import STORED
from sidecar.writers.tables.declared import OPTIONS
from sidecar.writers.tables.types import TYPES

SQLITE = (Path(__file__).parents[3] / "docs" / "writers" / "sqlite.md").read_text("utf-8")
ERRORS = re.findall(r"^\| (`[A-Z`, ]+`) \| (Retriable|Systemic|Poison) \|", SQLITE, re.MULTILINE)


def test_the_document_tells_each_code_that_the_writer_knows() -> None:
    told = {name: result for names, result in ERRORS for name in re.findall(r"`(\w+)`", names)}
    assert told == {name: result.__name__ for name, (result, _) in errors.MEANINGS.items()}


@pytest.mark.parametrize("name", errors.MEANINGS)
def test_each_code_means_what_is_told_of_it(name: str) -> None:
    error = sqlite3.OperationalError("hunter2")
    error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, f"SQLITE_{name}"), f"SQLITE_{name}"
    assert errors.meaning(error) is errors.MEANINGS[name][0]
    assert errors.named(error) == f"SQLite: {errors.MEANINGS[name][1]} (SQLITE_{name})"


def test_the_options_and_defaults_in_the_document_are_those_of_the_writer() -> None:
    told = dict(re.findall(r"^\| `SIDECAR_WRITER__(\w+)` \| `?(\w+)`? \|", SQLITE, re.MULTILINE))
    shown = {name.upper(): str(option.default).lower() or "unset" for name, option in OPTIONS.items()}
    assert told == shown | {"TABLE": "required"}


def test_the_ddl_in_the_document_is_what_the_writer_makes() -> None:
    ddl = registry.kind("sqlite:///x.db", {"table": "orders"}).ddl
    assert ddl is not None
    (told,) = re.findall(r"^```sql\n(.*?)^```", SQLITE, re.MULTILINE | re.DOTALL)
    assert ddl().endswith(told)


def test_the_document_tells_what_is_stored_of_each_type() -> None:
    rows = re.findall(r"^\| (`[a-z`, ]+`) \| `([A-Z]+)` \|", SQLITE, re.MULTILINE)
    told = {type_: stored for types, stored in rows for type_ in re.findall(r"`([a-z ]+)`", types)}
    assert told == STORED
    assert set(STORED) == set(TYPES)
