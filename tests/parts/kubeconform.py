"""Judging objects by the schemas of Kubernetes and of the operators: kubeconform, built once, on schemas that packages bring.

Every schema is strict: a field that it does not know is refused, as a typo would otherwise be dropped by the cluster without a word.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.parts.helm import CACHE
from tests.parts.kafka import Unavailable
from tests.parts.missing import part_missing
from tests.parts.npm import NpmPackage, fetch_npm
from tests.parts.pypi import PypiPackage, fetch_pypi

VERSION = "v0.7.0"
MODULE = "github.com/yannh/kubeconform/cmd/kubeconform"
BUILD_WITHIN = 300.0

KUBERNETES = ("1.29.0", "1.33.0", "1.37.0")
"""The versions that objects are judged by: the first with native sidecars on, the one that calls them stable, the newest."""

SCHEMAS = PypiPackage("kubernetes-validate", "1.37.0", "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9")

_MONITORING = NpmPackage(
    "@kubernetes-models/prometheus-operator", "4.0.0", "ba02343671d84921cc03f67f56f354fe7a791ff809a59e80edda8d51a1196ee5"
)
_KEDA = NpmPackage("@kubernetes-models/keda", "0.3.2", "24e4aaef8e4d8f93abdd516512b31a0083c0e386f1d8b0580aff7f3a3f767c39")
"""The last versions that carry the schemas as data; later ones have them compiled into code."""

CRDS: Mapping[str, tuple[NpmPackage, str]] = {
    "podmonitor-monitoring-v1": (_MONITORING, "monitoring.coreos.com/v1/PodMonitor.js"),
    "prometheusrule-monitoring-v1": (_MONITORING, "monitoring.coreos.com/v1/PrometheusRule.js"),
    "scaledobject-keda-v1alpha1": (_KEDA, "keda.sh/v1alpha1/ScaledObject.js"),
}

LATER_FIELDS: Mapping[str, Mapping[str, Any]] = {"alert": {"keep_firing_for": {"type": "string"}}}
"""What newer operators have beside a field that the schema knows: PrometheusRule since 0.64."""


def complaints(objects: str, kubernetes: str) -> list[str]:
    """Return what is wrong with a stream of YAML documents; the test is skipped where kubeconform cannot be had."""
    try:
        program, schemas, crds = fetch_kubeconform(), fetch_schemas(), fetch_crds()
    except Unavailable as unavailable:
        part_missing(str(unavailable), "python -m tests.parts")
    kind = "{{.ResourceKind}}{{.KindSuffix}}.json"
    places = [str(schemas / "{{.NormalizedKubernetesVersion}}" / kind), str(crds / kind)]
    command = [str(program), "-strict", "-output", "json", "-kubernetes-version", kubernetes]
    for place in places:
        command += ["-schema-location", place]
    judged = subprocess.run(command, input=objects, capture_output=True, text=True, check=False)
    found: list[dict[str, str]] = json.loads(judged.stdout)["resources"]
    return [f"{one['kind']} {one['name']}: {one['msg']}" for one in found]


def fetch_kubeconform() -> Path:
    """Build the program unless it is there; raises Unavailable."""
    program = CACHE / f"kubeconform-{VERSION}" / "kubeconform"
    if program.exists():
        return program
    if shutil.which("go") is None:
        raise Unavailable("kubeconform needs Go, 1.24 or later, to be built")
    print(f"Building kubeconform {VERSION} by Go", flush=True)
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        built = subprocess.run(
            ["go", "install", f"{MODULE}@{VERSION}"],
            env=os.environ | {"GOBIN": scratch},
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_WITHIN,
        )
        if built.returncode != 0:
            raise Unavailable(f"Go could not build kubeconform: {built.stderr.strip()[-500:]}")
        (Path(scratch) / "kubeconform").rename(program)
    return program


def fetch_schemas() -> Path:
    """Have the schemas of Kubernetes in a folder for each version, and return the folder of all."""
    folder = CACHE / f"kubernetes-schemas-{SCHEMAS.version}"
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        fetch_pypi(SCHEMAS, Path(scratch) / "package")
        for version in KUBERNETES:
            given = Path(scratch) / "package" / "kubernetes_validate" / "kubernetes-json-schema" / f"v{version}-local-strict"
            _copy_with_references(given, Path(scratch) / "schemas" / f"v{version}")
        (Path(scratch) / "schemas").rename(folder)
    return folder


def _copy_with_references(given: Path, folder: Path) -> None:
    """Copy schemas so that they refer to the definitions beside them, and not to a place that only their own package knows."""
    folder.mkdir(parents=True)
    for path in given.glob("*.json"):
        schema = json.loads(path.read_text(encoding="utf-8").replace('"/api/_definitions.json', '"_definitions.json'))
        schema.pop("$id", None)  # an address of the network, from which the references would be taken
        (folder / path.name).write_text(json.dumps(schema), encoding="utf-8")


def fetch_crds() -> Path:
    """Have the operators' schemas as files of JSON, and return their folder."""
    folder = CACHE / "crd-schemas"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (package, source) in CRDS.items():
        fetched = CACHE / f"{package.name.rpartition('/')[2]}-models-{package.version}"
        fetch_npm(package, fetched)
        schema = _schema_in((fetched / source).read_text(encoding="utf-8"))
        (folder / f"{name}.json").write_text(json.dumps(schema), encoding="utf-8")
    return folder


def _schema_in(source: str) -> Any:
    """Return the schema that stands in a module of JavaScript, with every object closed."""
    begin = source.index("const schema = ") + len("const schema = ")
    schema, _ = json.JSONDecoder().raw_decode(source, begin)
    schema["properties"]["metadata"] = {"type": "object"}  # of Kubernetes itself, and judged there
    for part in _objects(schema):
        if part["properties"]:
            part.setdefault("additionalProperties", False)
        for field, later in LATER_FIELDS.items():
            if field in part["properties"]:
                part["properties"].update(later)
    return schema


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a schema that lists properties."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema
        for inner in schema.values():
            yield from _objects(inner)
    elif isinstance(schema, Sequence) and not isinstance(schema, str):
        for inner in schema:
            yield from _objects(inner)
