from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.settings import document, load_settings
from sidecar.settings.container import Container
from sidecar.settings.describe import HIDDEN, Row, effective
from sidecar.settings.environment import fields
from tests.unit.settings.environments import LEAST, named

REFERENCE = Path(document.__file__).parents[2] / "docs" / "SETTINGS.md"

ENVIRON = LEAST | {"SIDECAR_MEMORY__LIMIT": "512MiB"}

SECRET = "hunter2"  # noqa: S105 -- an example


def rows(environ: dict[str, str]) -> dict[str, Row]:
    return {row.name: row for row in effective(ENVIRON | environ)}


@pytest.mark.parametrize(
    ("environ", "row"),
    [
        ({}, Row("SIDECAR_TOPICS", "orders", "environment")),
        ({}, Row("SIDECAR_FLUSH__MAX_BATCH", "10000", "default")),
        ({}, Row("SIDECAR_MEMORY__LIMIT", "512MiB", "environment")),
        ({}, Row("SIDECAR_BUFFER__MAX_BYTES", "184.0MiB", "from SIDECAR_MEMORY__LIMIT")),
        ({"SIDECAR_BUFFER__MAX_BYTES": "1MiB"}, Row("SIDECAR_BUFFER__MAX_BYTES", "1MiB", "environment")),
        ({}, Row("SIDECAR_BUFFER__MAX_AGE", "unset", "default")),
        ({}, Row("SIDECAR_WRITER__BODY", "ndjson", "default")),
        ({"SIDECAR_WRITER__BODY": "values"}, Row("SIDECAR_WRITER__BODY", "values", "environment")),
        ({}, Row("SIDECAR_WRITER__TLS_CA", "unset", "default")),
        ({}, Row("SIDECAR_WRITER__ALLOW_LINK_LOCAL", "false", "default")),
        ({}, Row("SIDECAR_KAFKA__GROUP_ID", "billing", "environment")),
        ({}, Row("SIDECAR_KAFKA__ENABLE_AUTO_COMMIT", "false", "fixed")),
        ({}, Row("SIDECAR_KAFKA__FETCH_MAX_BYTES", "559240", "from SIDECAR_MEMORY__LIMIT")),
        ({}, Row("SIDECAR_KAFKA__QUEUED_MAX_MESSAGES_KBYTES", "16384", "from SIDECAR_MEMORY__LIMIT")),
        (
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "pod-1"},
            Row("SIDECAR_KAFKA__GROUP_INSTANCE_ID", "pod-1", "the pod's name"),
        ),
        (
            {"SIDECAR_WRITER__URL": f"https://me:{SECRET}@app:8080/in?token={SECRET}"},
            Row("SIDECAR_WRITER__URL", f"https://{HIDDEN}@app:8080/in?{HIDDEN}", "environment"),
        ),
        ({"SIDECAR_KAFKA__SASL_PASSWORD": SECRET}, Row("SIDECAR_KAFKA__SASL_PASSWORD", HIDDEN, "environment")),
    ],
)
def test_each_setting_is_told_with_its_value_and_where_it_comes_from(environ: dict[str, str], row: Row) -> None:
    assert rows(environ)[row.name] == row


def test_every_setting_is_told_once() -> None:
    names = [row.name for row in effective(ENVIRON)]
    assert len(names) == len(set(names))
    assert {name for name, _ in fields()} <= set(names)


def test_a_value_from_a_file_is_told_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "group"
    file.write_text("billing-2", encoding="utf-8")
    environ = {name: text for name, text in ENVIRON.items() if name != "SIDECAR_KAFKA__GROUP_ID"}
    told = effective(environ | {"SIDECAR_KAFKA__GROUP_ID_FILE": str(file)})
    assert Row("SIDECAR_KAFKA__GROUP_ID", "billing-2", f"file {file}") in told


SECRETS = {
    "WRITER__URL": f"http://{SECRET}:{SECRET}@app/in?token={SECRET}",
    "KAFKA__SASL_PASSWORD": SECRET,
    "KAFKA__SASL_OAUTHBEARER_CLIENT_SECRET": SECRET,
    "KAFKA__SASL_OAUTHBEARER_EXTENSIONS": f"traceId={SECRET}",
    "KAFKA__SSL_KEY_PEM": f"-----BEGIN {SECRET}",
    "KAFKA__SSL_KEY_PASSWORD": SECRET,
    "KAFKA__SSL_KEYSTORE_PASSWORD": SECRET,
    "HTTP__TOKEN": f"{SECRET}-{SECRET}",
    "APP__HEALTH_URL": f"http://me:{SECRET}@app/healthz?key={SECRET}",
}


def test_no_secret_is_shown_in_the_effective_settings_nor_in_their_repr(tmp_path: Path) -> None:
    by_value, by_file = named(SECRETS), dict[str, str]()
    for name, text in by_value.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
        by_file[f"{name}_FILE"] = str(tmp_path / name)
    plain = {name: text for name, text in ENVIRON.items() if name not in by_value}
    for environ in (by_value, by_file, {"SIDECAR_SECRETS_DIR": str(tmp_path)}):
        shown = [*effective(plain | environ), load_settings(plain | environ)]
        assert SECRET not in repr(shown)
        assert SECRET not in str(shown)
    assert rows(by_value)["SIDECAR_KAFKA__SASL_PASSWORD"].value == HIDDEN  # shown as set


@pytest.mark.parametrize(
    "wrong",
    [
        {"TOPICS": ""},
        {"KAFKA__SASL_PASWORD": SECRET},
        {"KAFKA__NO_SUCH_PROPERTY": SECRET},
        {"WRITER__URL": f"postgresql://me:{SECRET}@db/x"},
        {"WRITER__URL": f"http://me:{SECRET}@[::1"},
        {"WRITER__URL": f"http://me:{SECRET}@app:port/"},
        {"WRITER__URL": f"http://me:{SECRET}@/"},
        {"WRITER__URL": f"http://me:{SECRET}@app/ x"},
        {"WRITER__TOKEN": SECRET},
        {"HTTP__TOKEN": f"{SECRET} {SECRET}"},
        {"APP__HEALTH_URL": f"http://me:{SECRET}@[::1"},
        {"APP__HEALTH_URL": f"http://me:{SECRET}@app:port/"},
        {"SASL_PASSWORD": SECRET},
        {"KAFKA__PLUGIN_LIBRARY_PATHS": SECRET},
    ],
)
def test_no_secret_is_quoted_by_a_complaint(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(LEAST | named(SECRETS) | named(wrong), Container)
    chain: BaseException | None = refused.value
    while chain is not None:
        assert SECRET not in f"{chain} {chain!r}"
        chain = chain.__cause__ or chain.__context__


def test_the_reference_is_up_to_date() -> None:
    assert REFERENCE.read_text("utf-8") == document.markdown(), "python -m sidecar.settings.document > docs/SETTINGS.md"


def test_the_reference_has_every_setting_and_every_property() -> None:
    text = document.markdown()
    for name, field in fields():
        assert f"| `{name}` |" in text
        assert str(field.description) in text
    assert "| `SIDECAR_KAFKA__SESSION_TIMEOUT_MS` |" in text
    assert "| `file:` | `SIDECAR_WRITER__ROTATE_SIZE` | `64MiB` |" in text
