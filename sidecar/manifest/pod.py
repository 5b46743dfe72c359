"""What a pod gets beside the container, and the whole of it: a patch of somebody's Deployment, or a Deployment of the sidecar alone."""

from __future__ import annotations

from hashlib import sha256

from sidecar.manifest.container import Object, container, drain_request
from sidecar.manifest.options import SecretKey
from sidecar.manifest.wish import Wish

READABLE = 0o444
"""Without an fsGroup the files belong to root, and only the sidecar's own container has them."""

READABLE_BY_GROUP = 0o440


def pod_labels(wish: Wish) -> dict[str, str]:
    """Return the labels of the pod: what a PodMonitor selects by."""
    return {"kafka-sidecar": wish.shape}


def pod_annotations(wish: Wish) -> dict[str, str]:
    """Return the annotations of the pod: a changed configuration is a changed pod."""
    lines = "\n".join(f"{name}={text}" for name, text in wish.environment.items())
    default = {"kubectl.kubernetes.io/default-container": wish.app} if wish.app else {}
    return {"checksum/kafka-sidecar": sha256(lines.encode()).hexdigest(), **default}


def volumes(wish: Wish) -> list[Object]:
    """Return the volumes of the pod."""
    state: Object = {"name": "kafka-sidecar-state", "emptyDir": {"sizeLimit": "16Mi"}}
    if not wish.secrets:
        return [state]
    mode = READABLE if wish.group is None else READABLE_BY_GROUP
    projected = {"defaultMode": mode, "sources": [_source(name, wish) for name in sorted(_named(wish))]}
    return [state, {"name": "kafka-sidecar-secrets", "projected": projected}]


def _named(wish: Wish) -> set[str]:
    return {where.secret for where in wish.secrets.values()}


def _source(secret: str, wish: Wish) -> Object:
    """Return the part of the volume that comes from one Secret."""
    used: list[tuple[str, SecretKey]] = sorted(item for item in wish.secrets.items() if item[1].secret == secret)
    return {"secret": {"name": secret, "items": [{"key": where.key, "path": name} for name, where in used]}}


def app_lifecycle(wish: Wish) -> Object:
    """Return the lifecycle of the application's container; empty without a hook."""
    if wish.app_hook == "none":
        return {}
    sleep: Object = {"sleep": {"seconds": wish.sleep}}
    return {"preStop": sleep if wish.app_hook == "sleep" else drain_request(wish, "")}


def patch(wish: Wish) -> Object:
    """Return a strategic merge patch that puts the sidecar into a Deployment (or anything with a pod template)."""
    app: Object = {"name": wish.app, "lifecycle": app_lifecycle(wish)}
    containers = [app] if wish.app_hook != "none" else []
    if wish.shape != "native":
        containers = [*containers, container(wish)]
    pod: Object = {
        "terminationGracePeriodSeconds": wish.grace_period,
        **({} if wish.group is None else {"securityContext": {"fsGroup": wish.group}}),
        **({"initContainers": [container(wish)]} if wish.shape == "native" else {}),
        **({"containers": containers} if containers else {}),
        "volumes": volumes(wish),
    }
    return {"spec": {"template": {"metadata": {"labels": pod_labels(wish), "annotations": pod_annotations(wish)}, "spec": pod}}}


def deployment(wish: Wish) -> Object:
    """Return a Deployment of the sidecar alone."""
    selector = {"app.kubernetes.io/name": wish.name}
    metadata: Object = {"labels": {**selector, **pod_labels(wish)}, "annotations": pod_annotations(wish)}
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": wish.grace_period,
        "securityContext": {"fsGroup": wish.group, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container(wish)],
        "volumes": volumes(wish),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": wish.name, "labels": selector},
        "spec": {"replicas": 1, "selector": {"matchLabels": selector}, "template": {"metadata": metadata, "spec": pod}},
    }
