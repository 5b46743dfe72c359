"""``python -m helm.generate.schema``: write values.schema.json of both charts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from helm.generate import settings_schema
from helm.generate.values_schema import OPEN, Schema, root

CHARTS = Path(__file__).parents[1]

OBJECTS: Schema = {"type": "array", "items": {"type": "object"}}
QUANTITIES: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
RESOURCES: Schema = {
    "type": "object",
    "properties": {"requests": QUANTITIES, "limits": QUANTITIES, "claims": OBJECTS},
    "additionalProperties": False,
}
PROBE: Schema = {"type": "object", "additionalProperties": {"type": "integer"}}
NAME: Schema = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
SECONDS: Schema = {"type": "integer", "minimum": 0}

LIBRARY: Mapping[str, Schema] = {
    "shape": {"enum": ["native", "classic", "inverted", "standalone"]},
    "name": NAME,
    "image.repository": {"type": "string", "minLength": 1},
    "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "settings": settings_schema.settings_schema(),
    "secrets": settings_schema.secrets_schema(),
    "terminationGracePeriodSeconds": {"type": "integer", "minimum": 1},
    "app.stopSeconds": SECONDS,
    "hooks.own": {"enum": ["auto", "exec", "http", "none"]},
    "hooks.app": {"enum": ["none", "sleep", "drain"]},
    "hooks.sleepSeconds": {"type": "integer", "minimum": 1},
    "resources": RESOURCES,
    "securityContext": OPEN,
    "probes.startup": PROBE,
    "probes.liveness": PROBE,
    "probes.readiness": PROBE,
    "secretsMode": {"type": "integer", "minimum": 0, "maximum": 0o777},
    "stateSizeLimit": {"type": ["string", "integer"]},
    "env": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
    "envFrom": OBJECTS,
    "extraVolumeMounts": OBJECTS,
    "extraVolumes": OBJECTS,
}
"""What the defaults of kafka-sidecar-lib do not tell."""

APPLICATION: Mapping[str, Schema] = {"kafkaSidecar": OPEN}  # the library's own schema is applied to it
"""What the defaults of kafka-sidecar do not tell."""


def library() -> Schema:
    """Return the schema of kafka-sidecar-lib."""
    return {**root(values("kafka-sidecar-lib"), LIBRARY), "definitions": {"inSecret": settings_schema.IN_SECRET}}


def application() -> Schema:
    """Return the schema of kafka-sidecar."""
    return root(values("kafka-sidecar"), APPLICATION)


def values(chart: str) -> dict[str, Any]:
    """Return the default values of a chart."""
    found: dict[str, Any] = yaml.safe_load((CHARTS / chart / "values.yaml").read_text(encoding="utf-8"))
    return found


def files() -> dict[Path, str]:
    """Return what belongs into which file."""
    schemas = {"kafka-sidecar-lib": library(), "kafka-sidecar": application()}
    return {CHARTS / chart / "values.schema.json": json.dumps(schema, indent=2) + "\n" for chart, schema in schemas.items()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
