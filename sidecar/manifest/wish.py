"""What somebody wants to have in a pod: the whole input of this room."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sidecar.manifest.options import AppHook, OwnHook, SecretKey, Shape
from sidecar.settings.units import address, duration

USER = 65532
"""The user of the image, and its group."""

STATE = "/run/kafka-sidecar"
"""The one folder that the container can write to."""

SECRETS = "/run/secrets/kafka-sidecar"
"""Where the keys of Secrets are files, named like their settings."""

_WANTS_PATH = re.compile(r"^SIDECAR_(KAFKA__.*_(LOCATION|KEYTAB)|WRITER__(TLS_(CA|CERT|KEY)|TOKEN_FILE))$")
"""The settings that are the path of a file, and not what is in it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The shape of the pod and what differs from the defaults, which are those of the charts.

    ``settings`` are texts by their ``SIDECAR_`` names, ``secrets`` say for other names where their text is; seconds are whole.
    """

    shape: Shape
    image: str
    settings: Mapping[str, str]
    secrets: Mapping[str, SecretKey] = field(default_factory=dict)
    name: str = "kafka-sidecar"
    app: str = ""
    grace_period: int = 60
    app_stop: int = 10
    own_hook: OwnHook = "auto"
    app_hook: AppHook = "none"
    sleep: int = 5
    cpu: str = "100m"
    memory: str = "256Mi"
    fs_group: int | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that are settings, by name, in order."""
        own = {"SIDECAR_DRAIN_MARKER": f"{STATE}/drain", "SIDECAR_GRACE_PERIOD": f"{self.grace_period}s"}
        files = {
            name if _WANTS_PATH.search(name) else f"{name}_FILE": f"{SECRETS}/{name}"
            for name in self.secrets
        }  # fmt: skip
        return dict(sorted({**own, **self.settings, **files}.items()))

    @property
    def drain_timeout(self) -> str:
        """How long a drain may take, as it is written."""
        return self.settings.get("SIDECAR_DRAIN_TIMEOUT", "25s")

    @property
    def drain_seconds(self) -> float:
        """How long a drain may take."""
        return duration(self.drain_timeout)

    @property
    def listen(self) -> str:
        """Where the admin server listens, as it is written."""
        return self.settings.get("SIDECAR_HTTP__LISTEN", "0.0.0.0:9877")

    @property
    def port(self) -> int:
        """The port of the admin server."""
        return address(self.listen).port

    @property
    def hook(self) -> Literal["exec", "http", "none"]:
        """What is done about the sidecar's own preStop hook."""
        if self.own_hook != "auto":
            return self.own_hook
        return "exec" if self.shape == "native" else "none"

    @property
    def asks_over_http(self) -> bool:
        """Whether a hook is a request, which needs the token."""
        return self.app_hook == "drain" or self.hook == "http"

    @property
    def group(self) -> int | None:
        """The pod's group, to which the files of Secrets belong; without one they belong to root."""
        return USER if self.fs_group is None and self.shape == "standalone" else self.fs_group

    @property
    def token(self) -> str:
        """The token of the admin server where it is no Secret; empty without one."""
        return self.settings.get("SIDECAR_HTTP__TOKEN", "")
