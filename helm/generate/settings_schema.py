"""The tree of all settings as a JSON schema: from the model, the allow-list of the client's properties, and the writers' options.

What a value may be follows from the reader that the program itself reads it with, so a wrong value is refused when the chart is
rendered. What only the program can judge (two settings that contradict each other) stays its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from sidecar.settings import kafka_properties, model
from sidecar.writers.options import Option
from sidecar.writers.registry import schemes

Schema = dict[str, Any]

DURATION: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"}
SIZE: Schema = {"type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]+)? *([kKmMgG][iI]?)?[bB]?$", "minimum": 1}
COUNT: Schema = {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1}
NUMBER: Schema = {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"}
RATIO: Schema = {"type": ["number", "string"], "pattern": r"^[0-9]*\.?[0-9]+$", "minimum": 0, "maximum": 1}
RATE: Schema = {**COUNT, "pattern": "^([0-9]+|auto)$"}
LEVEL: Schema = {**NUMBER, "minimum": -10, "maximum": 10}
SWITCH: Schema = {"enum": [True, False, "true", "false"]}
TEXT: Schema = {"type": "string"}
TEXT_OR_NUMBER: Schema = {"type": ["string", "integer"]}
NAMES: Schema = {"type": ["string", "array"], "items": {"type": "string", "minLength": 1}, "minLength": 1, "minItems": 1}

IN_SECRET: Schema = {
    "type": "object",
    "description": "the Secret, and its key, that holds the value",
    "properties": {"secret": {"type": "string", "minLength": 1}, "key": {"type": "string", "minLength": 1}},
    "required": ["secret", "key"],
    "additionalProperties": False,
}

_BY_KIND: Mapping[str, Schema] = {
    "size": SIZE,
    "duration": DURATION,
    "count": COUNT,
    "switch": SWITCH,
    "text": TEXT,
    "path": TEXT,
    "secret": TEXT,
}


def _reader(annotated: Any) -> Callable[..., Any]:
    """Return the function by which the program reads a type of the model."""
    (reader,) = (extra.func for extra in annotated.__metadata__ if isinstance(extra, BeforeValidator))
    found: Callable[..., Any] = reader
    return found


_BY_READER: Mapping[Callable[..., Any], Schema] = {
    _reader(model.Duration): DURATION,
    _reader(model.OptionalDuration): DURATION,
    _reader(model.OptionalSize): SIZE,
    _reader(model.Count): COUNT,
    _reader(model.Ratio): RATIO,
    _reader(model.SampleRate): RATE,
    _reader(model.Level): LEVEL,
}


def settings_schema() -> Schema:
    """Return the schema of the values' ``settings``."""
    return _tree(model.Settings, lambda leaf: leaf)


def secrets_schema() -> Schema:
    """Return the schema of the values' ``secrets``: the same tree, and each leaf says where its value is."""
    return _tree(model.Settings, lambda leaf: {"$ref": "#/definitions/inSecret", "description": leaf["description"]})


def _tree(section: type[BaseModel], leaf: Callable[[Schema], Schema]) -> Schema:
    properties = {name: _property(field, leaf) for name, field in section.model_fields.items()}
    properties |= {name: leaf(schema) for name, schema in _further(section)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _property(field: FieldInfo, leaf: Callable[[Schema], Schema]) -> Schema:
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        return _tree(field.annotation, leaf)
    return leaf({**_value(field), "description": str(field.description)})


def _value(field: FieldInfo) -> Schema:
    """Return the schema of one setting; what is read in a way of its own is text, whose form the program judges."""
    for extra in field.metadata:
        if isinstance(extra, BeforeValidator) and extra.func in _BY_READER:
            return _BY_READER[extra.func]
    choices = get_args(field.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return {"enum": list(choices)}
    if field.annotation == tuple[str, ...]:
        return NAMES
    if bool in (field.annotation, *choices):
        return SWITCH
    return TEXT_OR_NUMBER if int in choices else TEXT


def _further(section: type[BaseModel]) -> Iterator[tuple[str, Schema]]:
    """Yield what a free section has beside its fields."""
    if section is model.Kafka:
        for name in sorted(kafka_properties.ALLOWED):
            if (key := name.replace(".", "_")) not in section.model_fields:
                yield key, {**_of_property(name), "description": f"librdkafka's {name}"}
    elif section is model.Writer:
        options = {name: option for entry in schemes().values() for name, option in entry.options.items()}
        yield from ((name, _of_option(option)) for name, option in sorted(options.items()))


def _of_property(name: str) -> Schema:
    if name in kafka_properties.NUMBERS:
        return NUMBER
    if name in kafka_properties.SWITCHES:
        return SWITCH
    return {"enum": list(kafka_properties.CHOICES[name])} if name in kafka_properties.CHOICES else TEXT


def _of_option(option: Option) -> Schema:
    return {**({"enum": list(option.choices)} if option.choices else _BY_KIND[option.kind]), "description": option.help}
