"""Pods for a kubelet without a cluster: what ``kafka-sidecar manifest`` prints, with an application, in the network of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.parts.image import NAME as IMAGE
from tests.parts.kubelet import sample_app

ON_NODE = {"host": "127.0.0.1"}
"""Whom a hook asks: the kubelet knows no address of a pod in the machine's network (kubernetes/kubernetes#134285)."""


def native_pod(
    name: str, settings: Mapping[str, str], options: Sequence[str], app: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    """Return a pod of the sidecar with ``settings``, as ``options`` of ``kafka-sidecar manifest`` have it, and of the sample application.

    ``app`` is the application's environment; it has ``folder`` as ``/case``.
    """
    patch = _printed(settings, ["--shape", "native", "--image", f"docker.io/{IMAGE}", "--app", "app", *options])
    template = patch["spec"]["template"]
    spec = template["spec"]
    hooked = {container["name"]: container for container in spec.pop("containers", ())}
    case = {"name": "case", "hostPath": {"path": str(folder)}}
    code = {"name": "code", "hostPath": {"path": str(Path(sample_app.__file__).parent)}}
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **template["metadata"]},
        "spec": {
            **spec,
            "hostNetwork": True,
            "restartPolicy": "Always",
            "containers": [_app(app) | hooked.get("app", {})],
            "volumes": [*spec["volumes"], case, code],
        },
    }
    for container in (*spec["initContainers"], *pod["spec"]["containers"]):
        if request := container.get("lifecycle", {}).get("preStop", {}).get("httpGet"):
            request.update(ON_NODE)
    return pod


def _printed(settings: Mapping[str, str], options: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "sidecar", "manifest", *options]
    env = {"PATH": os.environ["PATH"], **settings}
    printed: dict[str, Any] = yaml.safe_load(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout)
    return printed


def _app(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the container of the sample application, on the sidecar's image, since that has a Python."""
    asked = {"path": "/livez", "port": int(env["APP_PORT"]), **ON_NODE}
    return {
        "name": "app",
        "image": f"docker.io/{IMAGE}",
        "imagePullPolicy": "Never",
        "command": ["python3", "/code/sample_app.py"],
        "env": [{"name": key, "value": text} for key, text in env.items()],
        # It is asked whether it lives once it has started, however long that takes, and may answer late: only what it says restarts it.
        "startupProbe": {"httpGet": asked, "periodSeconds": 1, "failureThreshold": 60},
        "livenessProbe": {"httpGet": asked, "periodSeconds": 1, "timeoutSeconds": 30, "failureThreshold": 1},
        "volumeMounts": [{"name": "case", "mountPath": "/case"}, {"name": "code", "mountPath": "/code", "readOnly": True}],
    }
