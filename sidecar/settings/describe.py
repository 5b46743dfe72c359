"""The effective settings for people: what each is, and where it comes from; secrets are not shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sidecar.settings import kafka_properties
from sidecar.settings.environment import TOKEN, Given, fields, read
from sidecar.settings.load import load_settings
from sidecar.settings.model import Settings
from sidecar.settings.parts import consumer_config
from sidecar.settings.units import as_size
from sidecar.writers import registry
from sidecar.writers.options import Option

HIDDEN = "********"


@dataclass(frozen=True, slots=True)
class Row:
    """A setting, its value as text, and its source."""

    name: str
    value: str
    source: str


def effective(environ: Mapping[str, str]) -> list[Row]:
    """Return a row for each setting that is in effect. Raises ConfigurationError, see :func:`load_settings`."""
    settings = load_settings(environ)
    given, _ = read(environ)
    return [*_rows_of_model(settings, given), *_rows_of_writer(settings, given), *_rows_of_kafka(settings, given)]


def _rows_of_model(settings: Settings, given: Mapping[str, Given]) -> Iterator[Row]:
    computed = {
        "SIDECAR_MEMORY__LIMIT": (settings.memory.limit, "the container's limit, or the default without one"),
        "SIDECAR_BUFFER__MAX_BYTES": (settings.buffer.max_bytes, "from SIDECAR_MEMORY__LIMIT"),
        "SIDECAR_FLUSH__MAX_BATCH_BYTES": (settings.flush.max_batch_bytes, "from SIDECAR_MEMORY__LIMIT"),
    }
    for name, field in fields():
        if name in given:
            if not name.startswith("SIDECAR_KAFKA__"):
                yield Row(name, shown(name, given[name].text), given[name].source)
        elif name in computed:
            number, source = computed[name]
            yield Row(name, as_size(number or 0), source)
        else:
            yield Row(name, "unset" if field.default is None else str(field.default), "default")


def _rows_of_writer(settings: Settings, given: Mapping[str, Given]) -> Iterator[Row]:
    for option, meaning in registry.options_of(settings.writer.url).items():
        name = f"SIDECAR_WRITER__{option.upper()}"
        if name not in given:
            yield Row(name, shown_default(meaning), "default")
        else:
            yield Row(name, HIDDEN if meaning.kind == "secret" else given[name].text, given[name].source)


def shown_default(option: Option) -> str:
    """Return the default of a writer's option as people write it."""
    if option.default == "":
        return "unset"
    match option.kind:
        case "size":
            return as_size(int(option.default))
        case "switch":
            return str(option.default).lower()
        case _:
            return str(option.default)


def _rows_of_kafka(settings: Settings, given: Mapping[str, Given]) -> Iterator[Row]:
    """Yield what the client gets, whoever chose it."""
    for prop, value in consumer_config(settings).items():
        name = kafka_properties.setting_of(prop)
        text = HIDDEN if kafka_properties.is_secret(prop) else str(value).lower() if isinstance(value, bool) else str(value)
        if name in given:
            yield Row(name, text, given[name].source)
        else:
            yield Row(name, text, _chosen_because(prop))


def _chosen_because(prop: str) -> str:
    if prop in kafka_properties.FIXED:
        return "fixed"
    if prop == "group.instance.id":
        return "the pod's name"
    return "from SIDECAR_MEMORY__LIMIT" if prop in kafka_properties.FROM_MEMORY else "default"


def shown(name: str, text: str) -> str:
    """Return a value without its secrets: those of a URL are its user, its password, and what is asked for."""
    if name == TOKEN:
        return HIDDEN
    if name not in ("SIDECAR_WRITER__URL", "SIDECAR_APP__HEALTH_URL"):
        return text
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")[2]
    hidden = parts._replace(netloc=f"{HIDDEN}@{host}" if "@" in parts.netloc else host, query=HIDDEN if parts.query else "")
    return text if hidden == parts else hidden.geturl()
