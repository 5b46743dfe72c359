"""The container, as values of Kubernetes: the same for every shape, and the same as the template of helm/kafka-sidecar-lib."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sidecar.manifest.wish import SECRETS, STATE, USER, Wish

Object = dict[str, Any]

PORT = "kafka-sidecar"
"""The name of the admin port: of 15 characters at most, and unlikely to be one of the application's."""

SECURITY_CONTEXT: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsGroup": USER,
    "runAsNonRoot": True,
    "runAsUser": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""As Pod Security "restricted" wants it."""


def container(wish: Wish) -> Object:
    """Return the container."""
    return {
        "name": wish.name,
        "image": wish.image,
        "imagePullPolicy": "IfNotPresent",
        **({"restartPolicy": "Always"} if wish.shape == "native" else {}),
        "args": ["run"],
        "env": [{"name": name, "value": text} for name, text in {**wish.environment, "TMPDIR": STATE}.items()],
        "ports": [{"name": PORT, "containerPort": wish.port, "protocol": "TCP"}],
        "startupProbe": _probe("/startupz", failures=60, period=1, timeout=1),
        "livenessProbe": _probe("/livez", failures=3, period=10, timeout=5),
        "readinessProbe": _probe("/readyz", failures=3, period=5, timeout=2),
        **_own_lifecycle(wish),
        "resources": {"limits": {"memory": wish.memory}, "requests": {"cpu": wish.cpu, "memory": wish.memory}},
        "securityContext": SECURITY_CONTEXT,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(wish),
    }


def drain_request(wish: Wish, query: str) -> Object:
    """Return a hook's request to drain; the kubelet can only GET."""
    return {
        "httpGet": {
            "path": f"/drain?{query}wait={quote(wish.drain_timeout)}",
            "port": wish.port,
            "httpHeaders": [{"name": "X-Sidecar-Token", "value": wish.token}],
        }
    }


def _probe(path: str, *, failures: int, period: int, timeout: int) -> Object:
    request = {"path": path, "port": PORT}
    return {"httpGet": request, "failureThreshold": failures, "periodSeconds": period, "timeoutSeconds": timeout}


def _own_lifecycle(wish: Wish) -> Object:
    """Return the hook that begins the drain when the pod begins to end, before the application has gone."""
    if wish.hook == "none":
        return {}
    by_command: Object = {"exec": {"command": ["kafka-sidecar", "drain", "--wait"]}}
    return {"lifecycle": {"preStop": by_command if wish.hook == "exec" else drain_request(wish, "terminal&")}}


def _mounts(wish: Wish) -> list[Object]:
    state: Object = {"name": "kafka-sidecar-state", "mountPath": STATE}
    secrets: Object = {"name": "kafka-sidecar-secrets", "mountPath": SECRETS, "readOnly": True}
    return [state, secrets] if wish.secrets else [state]
