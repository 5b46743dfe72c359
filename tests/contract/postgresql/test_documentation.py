from __future__ import annotations

import re
from pathlib import Path

import pytest

from sidecar.core.results import Retriable
from sidecar.writers import registry
from sidecar.writers.postgresql.errors import meaning
from sidecar.writers.tables.columns import parse
from sidecar.writers.tables.declared import OPTIONS, declared
from sidecar.writers.tables.types import TYPES

DOCS = Path(__file__).parents[3] / "docs" / "writers"
POSTGRESQL = (DOCS / "postgresql.md").read_text("utf-8")
TABLES = (DOCS / "tables.md").read_text("utf-8")

ERRORS = re.findall(r"^\| (`[0-9A-Z`, ]+`) \| (\w+) \|", POSTGRESQL, re.MULTILINE)


def test_the_errors_in_the_document_are_all_there() -> None:
    assert len(ERRORS) == 14


@pytest.mark.parametrize(("sqlstates", "result"), ERRORS)
def test_each_error_in_the_document_means_what_it_says(sqlstates: str, result: str) -> None:
    for sqlstate in re.findall(r"`(\w+)`", sqlstates):
        assert meaning(sqlstate.ljust(5, "9")).__name__ == result


def test_an_error_that_the_document_does_not_name_is_retriable() -> None:
    assert meaning("ZZ000") is Retriable
    assert "| anything else | Retriable |" in POSTGRESQL


def test_the_options_and_defaults_in_the_document_are_those_of_the_writer() -> None:
    told = dict(re.findall(r"^\| `SIDECAR_WRITER__(\w+)` \| `?(\w+)`? \|", POSTGRESQL, re.MULTILINE))
    shown = {name.upper(): str(option.default).lower() or "unset" for name, option in OPTIONS.items()}
    assert told == shown | {"TABLE": "required"}


def test_the_ddl_in_the_document_is_what_the_writer_makes() -> None:
    ddl = registry.kind("postgresql://db/x", {"table": "orders"}).ddl
    assert ddl is not None
    (told,) = re.findall(r"^```sql\n(.*?)^```", POSTGRESQL, re.MULTILINE | re.DOTALL)
    assert ddl().endswith(told)


def test_the_columns_in_the_document_can_be_declared() -> None:
    (listed,) = re.findall(r"^SIDECAR_WRITER__COLUMNS=\n(.*?)^```", TABLES, re.MULTILINE | re.DOTALL)
    assert [column.name for column in parse(listed)] == ["id", "name", "tags", "body", "shop", "at"]
    (columns, key) = re.findall(r"^SIDECAR_WRITER__COLUMNS=(.+)\nSIDECAR_WRITER__KEY=(.+)$", TABLES, re.MULTILINE)[0]
    defaults = {name: option.default for name, option in OPTIONS.items()}
    assert [column.name for column in declared(defaults | {"table": "t", "columns": columns, "key": key}).key] == ["id"]


def test_each_type_is_in_the_document() -> None:
    assert all(f"`{type_}`" in TABLES for type_ in TYPES)
