"""Writes the reference of the settings, docs/SETTINGS.md: ``python -m sidecar.settings.document > docs/SETTINGS.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import get_args

from pydantic.fields import FieldInfo

from sidecar.settings import kafka_properties
from sidecar.settings.describe import shown_default
from sidecar.settings.environment import fields
from sidecar.writers.options import Option
from sidecar.writers.registry import schemes

HEAD = """\
# Settings

<!-- made by `python -m sidecar.settings.document`; a test fails when it is stale -->

The environment is the only configuration. Names begin with `SIDECAR_`; `__` stands between a section and a name. Durations are written
`500ms`, `30s`, `5m`, `1h` (those of waits are at most `1d`); sizes `512KiB`, `64MiB`, `1GiB` (or `MB`, in thousands).

Any value can come from a file: `<NAME>_FILE` names one, or `SIDECAR_SECRETS_DIR` a folder whose files are named like settings. A value that
is set twice, a name that is no setting, and a setting that this version does not support are refused, all of them at once, with exit status 2.
What Kubernetes injects for a Service named `sidecar` (`SIDECAR_SERVICE_HOST`, `SIDECAR_PORT_80_TCP`, ...) is left alone.

`kafka-sidecar config` prints what is in effect, with secrets hidden and where each value comes from. `kafka-sidecar check` also asks Kafka
and the downstream.

| name | default | meaning |
|---|---|---|
"""

WRITERS = """
## The writers' own options

| writer | name | default | meaning |
|---|---|---|---|
"""

KAFKA = """
## Kafka

`SIDECAR_KAFKA__<PROPERTY>` sets a property of librdkafka: its name in upper case, with `_` for `.`. Values have the client's own units. These
are allowed; a default is given where it is the sidecar's choice and not the client's.

| name | default |
|---|---|
"""

REFUSED = """
Refused, with the reason:

| begins with | reason |
|---|---|
"""

MEMORY = """
## Memory

`SIDECAR_MEMORY__LIMIT` covers the whole process. How it is split into what Kafka's client fetches, the buffer, and what is on its way to the
downstream is in [MEMORY.md](MEMORY.md). Numbers that do not fit are refused at the start, with the sum.
"""


def markdown() -> str:
    """Return the reference."""
    return "".join([HEAD, *_settings(), WRITERS, *_writers(), KAFKA, *_kafka(), REFUSED, *_refused(), MEMORY])


def _settings() -> Iterator[str]:
    for name, field in fields():
        yield f"| `{name}` | {_default(field)} | {field.description}{_choices(field)} |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "unset" if field.default is None else f"`{field.default}`"


def _choices(field: FieldInfo) -> str:
    """Return the values that there are, where the description does not name them."""
    choices = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
    unnamed = [choice for choice in choices if f"`{choice}`" not in str(field.description)]
    return f" ({', '.join(f'`{choice}`' for choice in choices)})" if unnamed else ""


def _writers() -> Iterator[str]:
    for option, having in _schemes_by_option():
        name, meaning = option
        default = shown_default(meaning)
        writers = ", ".join(f"`{scheme}:`" for scheme in having)
        yield f"| {writers} | `SIDECAR_WRITER__{name.upper()}` | {default if default == 'unset' else f'`{default}`'} | {meaning.help} |\n"


def _schemes_by_option() -> Iterator[tuple[tuple[str, Option], list[str]]]:
    found: dict[tuple[str, Option], list[str]] = {}
    for scheme, entry in schemes().items():
        for option in entry.options.items():
            found.setdefault(option, []).append(scheme)
    yield from found.items()


def _kafka() -> Iterator[str]:
    chosen = kafka_properties.defaults(0, 0, classic=True) | dict.fromkeys(
        kafka_properties.FROM_MEMORY, "from `SIDECAR_MEMORY__LIMIT`"
    )
    for name in sorted(kafka_properties.ALLOWED):
        default = str(chosen[name]).lower() if isinstance(chosen.get(name), bool) else chosen.get(name, "")
        yield f"| `{kafka_properties.setting_of(name)}` | {default} |\n"


def _refused() -> Iterator[str]:
    for beginning, reason in kafka_properties.REFUSED.items():
        yield f"| `{beginning}` | {reason} |\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
