from __future__ import annotations

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.writers.options import Value
from sidecar.writers.tables.columns import Column
from sidecar.writers.tables.declared import APPENDED, OPTIONS, Declared, declared


def of(**options: Value) -> Declared:
    return declared({name: option.default for name, option in OPTIONS.items()} | {"table": "orders"} | options)


def test_with_a_table_alone_records_are_appended_as_kafka_has_them() -> None:
    assert of(table="shop.orders") == Declared(("shop", "orders"), APPENDED, (), ("kafka_sidecar_offsets",), create=False)


def test_the_value_of_appended_records_can_have_another_type() -> None:
    assert [column.type for column in of(value="jsonb").columns if column.name == "value"] == ["jsonb"]


def test_columns_come_from_fields_and_from_the_record_itself() -> None:
    given = of(columns="id=$.id:bigint,\n name = $.user.name : TEXT, at=@timestamp:timestamptz, t=@key.t:double  precision,")

    assert given.columns == (
        Column("id", "$", "bigint", ("id",)),
        Column("name", "$", "text", ("user", "name")),
        Column("at", "@timestamp", "timestamptz"),
        Column("t", "@key", "double precision", ("t",)),
    )


def test_a_primary_key_is_some_of_the_columns() -> None:
    given = of(columns="a=@key.a:text, b=@key.b:bigint, c=$.c:text", key="b, a")
    assert [column.name for column in given.key] == ["b", "a"]


@pytest.mark.parametrize(("columns", "needs"), [("", True), ("h=@headers:jsonb", True), ("id=$.id:bigint", False)])
def test_headers_are_read_only_for_a_column_of_them(columns: str, needs: bool) -> None:  # noqa: FBT001 -- the example's answer
    assert of(columns=columns).needs_headers is needs


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"table": ""}, r"SIDECAR_WRITER__TABLE: required .* name the table"),
        ({"table": "a.b.c"}, r"SIDECAR_WRITER__TABLE: 'a.b' is no name"),
        ({"table": 'x"; DROP TABLE y'}, r"SIDECAR_WRITER__TABLE: .* is no name .* use letters"),
        ({"table": "é" * 32}, r"63 bytes at most"),
        ({"offsets_table": ""}, r"SIDECAR_WRITER__OFFSETS_TABLE: '' is no name"),
        ({"columns": "id"}, r"SIDECAR_WRITER__COLUMNS: 'id' is no column; write it as id=\$.id:bigint"),
        ({"columns": "i d=$.id:bigint"}, r"SIDECAR_WRITER__COLUMNS: 'i d' is no name"),
        ({"columns": "id=id:bigint"}, r"id is taken from 'id', which is no source; use \$"),
        ({"columns": "id=$..id:bigint"}, r"which is no source"),
        ({"columns": "id=$.a b:bigint"}, r"which is no source"),
        ({"columns": "id=@offset.x:bigint"}, r"which is no source"),
        ({"columns": "id=$.id:int8"}, r"id: \$.id cannot be a column of type 'int8'; it can be smallint, integer, bigint, "),
        ({"columns": "id=$.id:bytea"}, r"cannot be a column of type 'bytea'"),
        ({"columns": "id=@offset:text"}, r"@offset cannot be a column of type 'text'; it can be bigint$"),
        ({"columns": "h=@headers:text"}, r"it can be json or jsonb$"),
        ({"columns": "a=$.a:text, a=$.b:text"}, r"the column 'a' is declared twice"),
        ({"columns": "a=$.a:text, b=$.a:bigint"}, r"the field a is named twice"),
        ({"columns": "a=$.a:jsonb, b=$.a.b:text"}, r"the field a is named as a whole and by a field inside of it"),
        ({"columns": "v=$:text", "value": "text"}, r"SIDECAR_WRITER__VALUE: it has no meaning beside"),
        ({"key": "id"}, r"SIDECAR_WRITER__KEY: 'id' is none of the columns; they are topic, "),
        ({"key": "headers"}, r"SIDECAR_WRITER__KEY: headers is jsonb, which cannot be compared"),
    ],
)
def test_what_cannot_work_is_refused_by_name_with_the_mend(options: dict[str, Value], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        of(**options)
