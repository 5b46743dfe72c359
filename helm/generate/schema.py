"""``python -m helm.generate.schema``: write values.schema.json of both charts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from helm.generate import alert_schema, settings_schema
from helm.generate.values_schema import OPEN, TEXTS, Schema, root

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
AT_LEAST_0: Schema = {"type": "integer", "minimum": 0}

LIBRARY: Mapping[str, Schema] = {
    "shape": {"enum": ["native", "classic", "inverted", "standalone"]},
    "name": NAME,
    "image.repository": {"type": "string", "minLength": 1},
    "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "settings": settings_schema.settings_schema(),
    "secrets": settings_schema.secrets_schema(),
    "terminationGracePeriodSeconds": {"type": "integer", "minimum": 1},
    "app.stopSeconds": AT_LEAST_0,
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

APPLICATION: Mapping[str, Schema] = {
    "kafkaSidecar": OPEN,  # the library's own schema is applied to it
    "commonLabels": TEXTS,
    "commonAnnotations": TEXTS,
    "podMonitor.labels": TEXTS,
    "podMonitor.matchLabels": TEXTS,
    "podMonitor.relabelings": OBJECTS,
    "podMonitor.metricRelabelings": OBJECTS,
    "keda.target.kind": {"enum": ["Deployment", "StatefulSet"]},
    "keda.minReplicaCount": AT_LEAST_0,
    "keda.maxReplicaCount": AT_LEAST_0,
    "keda.lagSeconds.threshold": {"type": "number", "exclusiveMinimum": 0},
    "keda.lagRecords.topics": {"type": "array", "items": {"type": "string", "minLength": 1}},
    "keda.behavior": OPEN,
    "networkPolicy.ingressFrom": OBJECTS,
    "networkPolicy.egress": OBJECTS,
    "pdb.minAvailable": {"type": ["integer", "string", "null"]},
    "pdb.maxUnavailable": {"type": ["integer", "string", "null"]},
    "standalone.replicas": AT_LEAST_0,
    "standalone.strategy": OPEN,
    "standalone.podLabels": TEXTS,
    "standalone.podAnnotations": TEXTS,
    "standalone.podSecurityContext": OPEN,
    "standalone.imagePullSecrets": OBJECTS,
    "standalone.nodeSelector": TEXTS,
    "standalone.tolerations": OBJECTS,
    "standalone.topologySpreadConstraints": OBJECTS,
}
"""What the defaults of kafka-sidecar do not tell."""


def library() -> Schema:
    """Return the schema of kafka-sidecar-lib."""
    return {**root(values("kafka-sidecar-lib"), LIBRARY), "definitions": {"inSecret": settings_schema.IN_SECRET}}


def application() -> Schema:
    """Return the schema of kafka-sidecar."""
    defaults = values("kafka-sidecar")
    return root(defaults, {**APPLICATION, **alert_schema.special(defaults["alerts"])})


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
