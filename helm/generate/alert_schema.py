"""What the defaults of ``alerts:`` do not tell about it: which texts are durations, and which numbers may have a fraction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from helm.generate.values_schema import TEXTS, Schema
from sidecar.observe.flush_stats import AGE_BOUNDS

DURATION: Schema = {"type": "string", "pattern": "^[0-9]+[smhdw]$"}
NUMBER: Schema = {"type": "number", "exclusiveMinimum": 0}
RATIO: Schema = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
OBJECTIVE: Schema = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
WINDOWS: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {"long": DURATION, "short": DURATION, "burn": NUMBER},
        "required": ["long", "short", "burn"],
        "additionalProperties": False,
    },
}

_BY_NAME: Mapping[str, Schema] = {
    "for": DURATION,
    "window": DURATION,
    "memory": DURATION,
    "windows": WINDOWS,
    "seconds": NUMBER,
    "perMember": NUMBER,
    "bytesPerSecond": NUMBER,
    "ratio": RATIO,
    "objective": OBJECTIVE,
    "severity": {"type": "string", "minLength": 1},
}


def special(alerts: Mapping[str, Any]) -> dict[str, Schema]:
    """Return schemas by path for the values ``alerts:``. What counts as late must be a bound of the buckets: no rule could find it else."""
    return {
        **dict(_named(alerts["rules"], "alerts.rules.")),
        "alerts.rules.freshnessBudgetBurn.seconds": {
            "enum": [int(bound) if bound >= 1 and bound % 1 == 0 else bound for bound in AGE_BOUNDS]
        },
        "alerts.expectedGroups": {"type": "array", "items": {"type": "string"}},
        "alerts.mayShed": {"type": "array", "items": {"type": "string", "minLength": 1}},
        "alerts.labels": TEXTS,
        "alerts.alertLabels": TEXTS,
        "dashboards.labels": TEXTS,
        "dashboards.annotations": TEXTS,
    }


def _named(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Schema]]:
    for name, value in values.items():
        if name in _BY_NAME:
            yield f"{prefix}{name}", _BY_NAME[name]
        elif isinstance(value, dict):
            yield from _named(value, f"{prefix}{name}.")
