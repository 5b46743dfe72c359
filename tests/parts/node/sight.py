"""What a kubelet and its containers' logs tell of a pod, as a journal like that of the simulated kubelet: the same names, the same order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.parts.kubelet.journal import Journal, monotonic_time, monotonic_time_of
from tests.parts.node.kubelet import NODE, Kubelet

OF_CONTAINERS = {
    "Running preStop hook": "hook begin",
    "PreStop hook completed": "hook end",
    "PreStop hook not completed in grace period": "hook given up",
    "Killing container with a grace period": "TERM",
    "Container exited normally": "exit",
}
"""Lines of the kubelet's log, and what they tell of the container that they name."""

OF_PODS = {"SyncLoop ADD": "created", "SyncLoop REMOVE": "deleted"}
"""Lines of the kubelet's log, and what they tell of the pods that they name."""


def journal_of(kubelet: Kubelet, pod: str) -> Journal:
    """Return what happened to a deleted pod: what its kubelet did, and what its containers said (of JSON the event)."""
    journal = Journal()
    for line in _json_lines(kubelet.log):
        if what := _told_of(f"{pod}-{NODE}", line):
            grace = f"grace {line['gracePeriod']}" if "gracePeriod" in line else ""
            journal.add(what, grace, at=monotonic_time_of(line["ts"] / 1000))
    for log in sorted(kubelet.kept_logs(pod).glob("*/*.log")):
        _add_output(journal, log)
    return journal


def complaints(kubelet: Kubelet) -> Sequence[str]:
    """Return the warnings that a kubelet has told of its pods, each once."""
    warnings = [line for line in _json_lines(kubelet.log) if line.get("type") == "Warning" and line.get("kind") == "Pod"]
    return list(dict.fromkeys(f"{line['object']['name']}: {line['reason']}: {line['message']}" for line in warnings))


def _told_of(pod: str, line: Mapping[str, Any]) -> str | None:
    """Return what a line of the kubelet's log tells of a pod or of a container of it; None: nothing of interest."""
    match line:
        case {"msg": message, "pods": [*pods]} if message in OF_PODS and pod in [each["name"] for each in pods]:
            return OF_PODS[message]
        case {"msg": message, "pod": {"name": name}, "containerName": container} if name == pod and message in OF_CONTAINERS:
            return f"{container} {OF_CONTAINERS[message]}"
        case {"msg": "Probe succeeded", "probeType": "Startup", "pod": {"name": name}, "containerName": container} if name == pod:
            return f"{container} startup probe passed"
        case {"msg": "Event occurred", "reason": "Started", "object": {"name": name}, "fieldPath": path} if name == pod:
            return f"{path.partition('{')[2].rstrip('}')} start"
        case _:
            return None


def _add_output(journal: Journal, log: Path) -> None:
    """Add what a container printed; a line of it is ``<time> <stream> <F or P> <text>``."""
    name = log.parent.name
    for line in log.read_text("utf-8").splitlines():
        stamp, _stream, _full, text = line.split(" ", 3)
        if text.startswith("{"):
            told = json.loads(text)
            journal.add(f"{name}: {told['event']}", told.get("reason", ""), at=monotonic_time(told["timestamp"]))
        else:
            journal.add(f"{name} says", text, at=monotonic_time(f"{stamp[:26]}{stamp[-1]}"))


def _json_lines(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text("utf-8", errors="replace").splitlines():
        if line.startswith("{"):
            yield json.loads(line)
