from __future__ import annotations

from collections.abc import Mapping

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.writers import registry


@pytest.mark.parametrize(
    ("url", "name", "max_in_flight", "needs_headers"),
    [
        ("http://me:secret@app:8080/in?token=secret", "http://app:8080/in", None, True),
        ("HTTPS://app/in", "https://app/in", None, True),
        ("http+unix://%2Frun%2FApp.sock/in", "http+unix://%2Frun%2FApp.sock/in", None, True),
        ("http://[::1]:8080", "http://[::1]:8080", None, True),
        ("file:///var/data/out.ndjson", "file:///var/data/out.ndjson", 1, True),
        ("stdout:", "stdout:", 1, True),
        ("discard:", "discard:", None, False),
    ],
)
def test_the_scheme_picks_the_writer_and_its_name_holds_no_secret(
    url: str,
    name: str,
    max_in_flight: int | None,
    needs_headers: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    kind = registry.kind(url, {})

    assert (kind.name, kind.max_in_flight, kind.needs_headers) == (name, max_in_flight, needs_headers)


def test_a_file_of_sqlite_has_one_writer_and_headers_only_where_a_column_holds_them() -> None:
    kind = registry.kind("sqlite:///var/o%20x.db", {"table": "t"})
    mapped = registry.kind("sqlite:///var/x.db", {"table": "t", "columns": "id=@offset:bigint"})
    assert (kind.name, kind.max_in_flight, kind.needs_headers) == ("sqlite:///var/o x.db table t", 1, True)
    assert not mapped.needs_headers


def test_the_payloads_alone_need_no_headers() -> None:
    assert not registry.kind("http://app/", {"body": "values"}).needs_headers


def test_only_where_nothing_is_written_of_them_timestamps_are_not_needed() -> None:
    kinds = [registry.kind(url, options) for url, options in (("discard:", {}), ("http://app/", {"body": "values"}))]
    others = [registry.kind(url, {}) for url in ("http://app/", "file:///var/o", "stdout:")]

    assert [kind.needs_timestamps for kind in kinds + others] == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("url", "options", "complaint"),
    [
        (
            "mongodb://me:hunter2@db/x",
            {},
            "SIDECAR_WRITER__URL: it names no known writer; supported are http://",
        ),
        (
            "sqlite://me:hunter2@db/x",
            {"table": "t"},
            "SIDECAR_WRITER__URL: a file is named by its absolute path and nothing else",
        ),
        ("sqlite:orders.db", {"table": "t"}, "SIDECAR_WRITER__URL: a file is named by its absolute path and nothing else"),
        ("sqlite:///data/", {"table": "t"}, "SIDECAR_WRITER__URL: a file is named by its absolute path and nothing else"),
        (
            "sqlite:///x.db?mode=hunter2",
            {"table": "t"},
            "SIDECAR_WRITER__URL: a file is named by its absolute path and nothing else",
        ),
        ("sqlite:///x.db", {}, "SIDECAR_WRITER__TABLE: required by this writer"),
        ("sqlite:///x.db", {"table": "main.t"}, "SIDECAR_WRITER__TABLE: SQLite has no schemas; name the table alone: t"),
        ("sqlite:///x.db", {"table": "SQLite_t"}, "SIDECAR_WRITER__TABLE: SQLite keeps names that begin with sqlite_ for itself"),
        ("sqlite:///x.db", {"table": "T", "offsets_table": "t"}, "SIDECAR_WRITER__OFFSETS_TABLE: it is the table of the records"),
        (
            "sqlite:///x.db",
            {"table": "t", "columns": "A=@offset:bigint, a=@topic:text"},
            "SIDECAR_WRITER__COLUMNS: to SQLite a is one column whatever its case",
        ),
        (
            "sqlite:///x.db",
            {"table": "t", "columns": "id=$.id:numeric", "key": "id"},
            "SIDECAR_WRITER__KEY: id is numeric, which SQLite keeps as text",
        ),
        ("kafka://hunter2", {}, "SIDECAR_WRITER__URL: its path must be the name of a topic"),
        ("htp://me:hunter2@app", {}, "SIDECAR_WRITER__URL: it names no known writer (was http meant?)"),
        ("hunter2", {}, "SIDECAR_WRITER__URL: it names no known writer; supported are"),
        ("http://", {}, "SIDECAR_WRITER__URL: it names no host"),
        ("http://app:hunter2/", {}, "SIDECAR_WRITER__URL: its port is not a number"),
        ("http://app/hunter2 x", {}, "SIDECAR_WRITER__URL: it holds a space"),
        ("http://app:0/", {}, "SIDECAR_WRITER__URL: its port is not a number from 1"),
        ("http://me:1#hunter2@app/", {}, "SIDECAR_WRITER__URL: it holds a #"),
        ("http://[hunter2/", {}, "SIDECAR_WRITER__URL: the brackets of its host are wrong"),
        ("http+unix://run/app.sock", {}, "SIDECAR_WRITER__URL: its socket is named by its absolute path"),
        ("http+unix://%2Frun%2F%00app", {}, "SIDECAR_WRITER__URL: its socket is named by its absolute path"),
        (f"http+unix://%2F{'a' * 107}/", {}, "SIDECAR_WRITER__URL: the path of its socket is longer than 107 bytes"),
        (f"http://{'a' * 64}/", {}, "SIDECAR_WRITER__URL: a part of its host's name"),
        ("file:out.ndjson", {}, "SIDECAR_WRITER__URL: a file is named by its absolute path"),
        ("file://host/out.ndjson", {}, "SIDECAR_WRITER__URL: a file is named by its absolute path"),
        ("file:///data/", {}, "SIDECAR_WRITER__URL: a file is named by its absolute path"),
        ("file:///data/out", {"rotate_interval": 0.5}, "SIDECAR_WRITER__ROTATE_INTERVAL: must be at least 1s"),
        (
            "file:///data/out",
            {"compression": "zip"},
            "SIDECAR_WRITER__COMPRESSION: must be none or gzip or zstd (was gzip meant?)",
        ),
        ("file:///data/out", {"rotate_size": 0}, "SIDECAR_WRITER__ROTATE_SIZE: must be at least 1 byte"),
        (
            "http://app/",
            {"body": "value"},
            "SIDECAR_WRITER__BODY: must be ndjson or values or json or raw or cloudevents (was values meant?)",
        ),
        ("http://app/", {"boddy": "raw"}, "SIDECAR_WRITER__BODDY: this writer has no such option (was body meant?)"),
        ("discard:", {"body": "ndjson"}, "SIDECAR_WRITER__BODY: this writer has no such option; it has none"),
    ],
)
def test_what_cannot_work_is_refused_by_name_and_without_the_url(
    url: str, options: Mapping[str, registry.Value], complaint: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        registry.kind(url, options)

    assert str(refused.value).startswith(complaint)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "compression", "name"),
    [
        ("file:///data/out.ndjson", "gzip", "file:///data/out.ndjson.gz"),
        ("file:///data/out.ndjson.gz", "gzip", "file:///data/out.ndjson.gz"),
        ("file:///data/out.ndjson.gz", "zstd", "file:///data/out.ndjson.gz.zst"),
        ("file:///data/.gz", "gzip", "file:///data/.gz.gz"),
    ],
)
def test_a_compressed_file_says_so_by_its_name(url: str, compression: str, name: str) -> None:
    assert registry.kind(url, {"compression": compression}).name == name


def test_a_scheme_tells_its_options() -> None:
    assert registry.options_of("http://app/")["body"].default == "ndjson"
    assert registry.options_of("file:///x")["rotate_size"].default == 64 * 1024 * 1024
