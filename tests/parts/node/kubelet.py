"""A real kubelet without an API server: it runs the pods whose manifests lie in its folder, and ends those whose manifest is gone."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.parts.child import Child
from tests.parts.node import build
from tests.parts.node.containerd import Containerd, unmount_below
from tests.parts.waiting import free_port, wait_for

NODE = "node1"
UP_WITHIN = 60.0
PODS_END_WITHIN = 90.0
STOP_GRACE = 10.0

LOG_LEVEL = 3
"""From here on it tells of hooks, not only of signals."""

FIXED = (Path("/var/lib/kubelet"), Path("/var/log/containers"))
"""Folders that every kubelet uses, whatever its settings: sockets for device plugins, and links to the logs of containers."""


class Kubelet:
    """Runs below ``folder`` on ``containerd``; a context manager that ends its pods."""

    def __init__(self, folder: Path, containerd: Containerd) -> None:
        self.log = folder / "kubelet.log"
        self._containerd = containerd
        self._folder = folder
        self._logs = folder / "pods"
        self._manifests = folder / "manifests"
        self._port = free_port()
        self._manifests.mkdir()
        self._not_there_before = [path for path in FIXED if not path.exists()]
        config = folder / "kubelet.json"
        config.write_text(json.dumps(self._configuration(containerd.socket)))
        arguments = ["--config", str(config), "--root-dir", str(folder / "root"), "--hostname-override", NODE]
        arguments += ["--cert-dir", str(folder / "pki")]
        self._child = Child([str(build.kubelet()), *arguments], env=os.environ, folder=folder, log=self.log)

    def wait_until_it_answers(self) -> None:
        """Return when it treats pods."""

        def answers() -> bool:
            if not self._child.running:
                raise RuntimeError(f"the kubelet ended:\n{self._child.tail()}")
            with suppress(OSError):
                self.pods()
                return True
            return False

        wait_for(answers, "the kubelet answers", UP_WITHIN)

    def create(self, manifest: Mapping[str, Any]) -> None:
        """Give it a pod."""
        name = manifest["metadata"]["name"]
        partial = self._folder / f"{name}.json"
        partial.write_text(json.dumps(manifest))
        partial.rename(self._manifests / partial.name)

    def delete(self, name: str) -> None:
        """Have it end a pod gracefully, until :meth:`is_gone`. The logs of its containers are kept."""
        for log in self._logs.glob(f"*_{name}-{NODE}_*/*/*.log"):
            kept = self.kept_logs(name) / log.parent.name / log.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.hardlink_to(log)  # the kubelet removes its own with the pod, and what is still written comes here, too
        (self._manifests / f"{name}.json").unlink()

    def is_gone(self, name: str) -> bool:
        """Whether nothing of a pod runs any more. :meth:`pods` forgets one as soon as it is to end."""
        return name not in self.pods() and not self._containerd.runs(f"{name}-{NODE}")

    def kept_logs(self, name: str) -> Path:
        """Return the folder with the logs of a deleted pod: ``<container>/<start>.log``."""
        return self._folder / "kept" / name

    def pods(self) -> Mapping[str, Any]:
        """Return the pods by the names of their manifests, each as the API would show it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/pods", timeout=5) as answer:
            items = json.load(answer)["items"] or []
        return {pod["metadata"]["name"].removesuffix(f"-{NODE}"): pod for pod in items}

    def statuses(self, name: str) -> Mapping[str, Any]:
        """Return the status of each container of a pod, restartable init containers too, by its name."""
        status = self.pods().get(name, {}).get("status", {})
        both: Sequence[Any] = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        return {container["name"]: container for container in both}

    def close(self) -> None:
        """End its pods, then itself."""
        for manifest in self._manifests.iterdir():
            manifest.unlink()
        if self._child.running:
            with suppress(OSError, TimeoutError):  # containerd ends what is left
                wait_for(lambda: not self.pods() and not self._containerd.tasks(), "all pods are gone", PODS_END_WITHIN)
        self._child.end(STOP_GRACE)
        unmount_below(self._folder)
        for path in self._not_there_before:
            shutil.rmtree(path, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            print(f"The kubelet's log ends:\n{self._child.tail(60)}")
        self.close()

    def _configuration(self, runtime: Path) -> dict[str, Any]:
        """Return the settings: no API server, no cgroups of its own, nothing evicted, nothing of the machine's network touched."""
        return {
            "kind": "KubeletConfiguration",
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "logging": {"format": "json", "verbosity": LOG_LEVEL},
            "staticPodPath": str(self._manifests),
            "fileCheckFrequency": "1s",
            "containerRuntimeEndpoint": f"unix://{runtime}",
            "podLogsDir": str(self._logs),
            "volumePluginDir": str(self._folder / "plugins"),
            "address": "127.0.0.1",
            "port": free_port(),
            "readOnlyPort": self._port,
            "healthzPort": 0,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "failCgroupV1": False,
            "makeIPTablesUtilChains": False,
            "localStorageCapacityIsolation": False,
            "evictionHard": {"memory.available": "10Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
        }
