"""``python -m helm.generate.components``: write the Kustomize components, and of the examples the admission policy and the plain manifest.

All hold the container that ``kafka-sidecar manifest`` prints; but for the plain one without settings, which come from a ConfigMap named
``kafka-sidecar``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from sidecar.manifest.container import container
from sidecar.manifest.options import Shape
from sidecar.manifest.pod import patch, volumes
from sidecar.manifest.wish import Wish
from sidecar.manifest.yaml import dump

ROOT = Path(__file__).parents[2]
COMPONENTS = ROOT / "helm" / "kustomize"
POLICY = ROOT / "examples" / "admission" / "policy.yaml"

EXAMPLE = ROOT / "examples" / "kustomize"
PLAIN = ROOT / "examples" / "manifests" / "billing.yaml"

HEAD = "# Made by `make generate` from the program; a test fails when it is stale.\n"
SETTINGS = [{"configMapRef": {"name": "kafka-sidecar"}}]
PLACE = {"native": "initContainers", "classic": "containers"}

MAPS = frozenset({"limits", "requests"})
"""Fields whose names are data: maps in CEL, and no objects."""

KUSTOMIZATION: dict[str, Any] = {
    "apiVersion": "kustomize.config.k8s.io/v1alpha1",
    "kind": "Component",
    "patches": [{"path": "sidecar.yaml", "target": {"kind": "Deployment", "labelSelector": "kafka-sidecar"}}],
}

POLICY_HEAD = """\
# Puts the sidecar into every pod that has the label kafka-sidecar: inject, as it is created. The API server does it: there is no webhook
# to run, and no certificate. Kubernetes >= 1.36, and the right to make cluster-wide policies. The pod's own grace period stays: make it
# terminationGracePeriodSeconds: 60, or set SIDECAR_DRAIN_TIMEOUT for less. The settings come from the ConfigMap kafka-sidecar of the
# pod's namespace. A changed ConfigMap or policy rolls no pod.
"""


PLAIN_HEAD = "# A complete pod: the application of examples/python, and the sidecar. kubectl apply --filename examples/manifests/billing.yaml\n"


def files() -> dict[Path, str]:
    """Return what belongs into which file."""
    found = {POLICY: HEAD + POLICY_HEAD + _policy(), PLAIN: HEAD + PLAIN_HEAD + dump(_plain())}
    for shape in ("native", "classic"):
        found[COMPONENTS / shape / "kustomization.yaml"] = HEAD + dump(KUSTOMIZATION)
        found[COMPONENTS / shape / "sidecar.yaml"] = HEAD + dump(_component(shape))
    return found


def _wish(shape: Shape) -> Wish:
    return Wish(shape, f"kafka-sidecar:{version('kafka-sidecar')}", settings={})


def _component(shape: Shape) -> dict[str, Any]:
    """Return the patch of a Deployment. There is no checksum: a ConfigMap of Kustomize has its own in its name."""
    named: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "any"}}
    patched = patch(_wish(shape))
    template = patched["spec"]["template"]
    del template["metadata"]["annotations"]
    template["spec"][PLACE[shape]] = [_with_settings(shape)]
    return named | patched


def _with_settings(shape: Shape) -> dict[str, Any]:
    return {**container(_wish(shape)), "envFrom": SETTINGS}


def _plain() -> dict[str, Any]:
    """Return the Deployment of the examples with the sidecar in its pod, and the settings of the example for Kustomize."""
    deployment: dict[str, Any] = yaml.safe_load((EXAMPLE / "deployment.yaml").read_text(encoding="utf-8"))
    (generator,) = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text(encoding="utf-8"))["configMapGenerator"]
    settings = dict(literal.split("=", 1) for literal in generator["literals"])
    sidecar = patch(replace(_wish("native"), settings=settings, app="billing"))["spec"]["template"]
    template = deployment["spec"]["template"]
    template["metadata"]["labels"] |= sidecar["metadata"]["labels"]
    template["metadata"]["annotations"] = sidecar["metadata"]["annotations"]
    template["spec"] = {**sidecar["spec"], **template["spec"]}
    return deployment


def _policy() -> str:
    spec = {
        "matchConstraints": {
            "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        },
        "matchConditions": [
            {"name": "asks-for-it", "expression": "object.metadata.?labels[?'kafka-sidecar'].orValue('') == 'inject'"},
            {
                "name": "has-none-yet",
                "expression": "!object.spec.?initContainers.orValue([]).exists(c, c.name == 'kafka-sidecar')",
            },
        ],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "mutations": [
            {"patchType": "JSONPatch", "jsonPatch": {"expression": _operations()}},
        ],
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1"}
    policy = {**kind, "kind": "MutatingAdmissionPolicy", "metadata": {"name": "kafka-sidecar"}, "spec": spec}
    named = {**kind, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": "kafka-sidecar"}}
    return f"{dump(policy)}---\n{dump({**named, 'spec': {'policyName': 'kafka-sidecar'}})}"


def _operations() -> str:
    """Return the expression that makes the operations; a list that a pod does not have must be made first."""
    missing = [
        f'(has(object.spec.{field}) ? [] : [JSONPatch{{op: "add", path: "/spec/{field}", value: []}}]) +'
        for field in ("initContainers", "volumes")
    ]
    added = [_added("/spec/initContainers/0", _cel(_with_settings("native"), "Object.spec.initContainers"))] + [
        _added("/spec/volumes/-", _cel(volume, "Object.spec.volumes")) for volume in volumes(_wish("native"))
    ]
    return "\n".join([*missing, "[", _indented(_lines(added)), "]"])


def _added(path: str, value: str) -> str:
    return f'JSONPatch{{op: "add", path: "{path}", value: {value}}}'


def _cel(value: Any, kind: str) -> str:
    """Return a value of Kubernetes in CEL: objects have the path of their field as their type."""
    if isinstance(value, dict) and kind.rpartition(".")[2] not in MAPS:
        fields = [f"{name}: {_cel(inner, f'{kind}.{name}')}" for name, inner in value.items()]
        return f"{kind}{{\n{_indented(_lines(fields))}\n}}" if len(fields) > 1 else f"{kind}{{{', '.join(fields)}}}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return f"[\n{_indented(_lines([_cel(item, kind) for item in value]))}\n]"
    return json.dumps(value)


def _lines(parts: list[str]) -> str:
    return ",\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
