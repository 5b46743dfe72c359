"""What of a wish cannot work: the sentences are those of the chart's template `kafka-sidecar-lib.validate`, under the names of the options."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from sidecar.core.errors import ConfigurationError
from sidecar.manifest.wish import Wish
from sidecar.settings import kafka_properties, load_settings
from sidecar.settings.container import Container
from sidecar.settings.environment import SECRETS_DIR, Problem, is_secret_option, known
from sidecar.settings.load import listed
from sidecar.settings.units import address, size, wait

MARGIN = 10
"""Seconds of the grace period that belong to nobody: starting hooks, the last commit, the kubelet's own pace."""

TOKEN = "SIDECAR_HTTP__TOKEN"  # noqa: S105 -- the name of the setting

REQUIRED = ("SIDECAR_KAFKA__BOOTSTRAP_SERVERS", "SIDECAR_KAFKA__GROUP_ID", "SIDECAR_TOPICS", "SIDECAR_WRITER__URL")

_LOOPBACK = re.compile(r"(127\.|localhost:|\[::1\]:)")


def check(wish: Wish) -> None:
    """Raise ConfigurationError, which lists every problem of the wish; those of the settings come first."""
    if first := [*_files(wish), *_unreadable(wish)]:
        raise ConfigurationError(listed(first))
    if not set(REQUIRED) & set(wish.secrets):  # what is in a Secret is not known here, so the rest cannot be judged
        load_settings({**wish.settings}, lambda: Container(size(wish.memory)))
    problems = [*_secrets(wish), *_shape(wish), *_hooks(wish), *_times(wish)]
    if problems:
        raise ConfigurationError(listed(problems))


def _files(wish: Wish) -> Iterator[Problem]:
    """Yield files of this machine, which the pod does not have."""
    for name in wish.settings:
        if name == SECRETS_DIR or (name.endswith("_FILE") and name.removesuffix("_FILE") in known()):
            mend = name.removesuffix("_FILE") if name != SECRETS_DIR else "SETTING"
            yield Problem(name, f"names a file of this machine: leave it out, and write --secret {mend}=SECRET/KEY")


def _unreadable(wish: Wish) -> Iterator[Problem]:
    """Yield what the other rules read, and is not as it is to be written; with a required setting in a Secret nobody else looks at it."""
    for name, text, read in (
        ("SIDECAR_DRAIN_TIMEOUT", wish.drain_timeout, wait),
        ("SIDECAR_HTTP__LISTEN", wish.listen, address),
        ("--memory", wish.memory, size),
    ):
        try:
            read(text)
        except ValueError as error:
            yield Problem(name, str(error))


def _secrets(wish: Wish) -> Iterator[Problem]:
    for name in wish.secrets:
        if name in wish.settings:
            yield Problem(name, "is set twice, by the environment and by --secret: leave one of them out")
        elif name not in known() and not name.startswith(("SIDECAR_KAFKA__", "SIDECAR_WRITER__")):
            yield Problem("--secret", f"{name} is no setting: see docs/SETTINGS.md")
    for name, text in wish.settings.items():
        if _is_secret(name, text) or (name == TOKEN and not wish.asks_over_http):
            yield Problem(name, f"is a secret: keep it in a Secret, and name that by --secret {name}=SECRET/KEY")

    if TOKEN in wish.secrets and wish.group is None:
        yield Problem(
            "--fs-group",
            f"is required for a file of {TOKEN}, which the sidecar refuses when all can read it: the pod's own group, or 65532",
        )


def _is_secret(name: str, text: str) -> bool:
    """Whether a manifest must not show this. The admin token it must, where a hook needs it."""
    if name.startswith("SIDECAR_KAFKA__"):
        prop = kafka_properties.property_of(name.removeprefix("SIDECAR_KAFKA__"))
        return kafka_properties.is_secret(prop) and not prop.endswith(".location")
    return is_secret_option(name) or (name == "SIDECAR_WRITER__URL" and urlsplit(text).password is not None)


def _shape(wish: Wish) -> Iterator[Problem]:
    why = {"inverted": "the sidecar stops before the application anyway", "standalone": "there is no application in the pod"}
    if wish.shape in why and wish.app_hook != "none":
        yield Problem("--app-hook", f"{wish.app_hook} has no place in the shape {wish.shape}, where {why[wish.shape]}: take none")
    if _LOOPBACK.match(wish.listen):
        yield Problem(
            "SIDECAR_HTTP__LISTEN",
            f"{wish.listen} cannot be reached by the kubelet's probes: take 0.0.0.0:9877 or [::]:9877",
        )
    if wish.port == 0:
        yield Problem("SIDECAR_HTTP__LISTEN", f"{wish.listen} takes any free port, which no probe could know: name one")


def _hooks(wish: Wish) -> Iterator[Problem]:
    """Yield hooks that would be refused: a hook over HTTP comes from the node, so it needs the token."""
    for option, hook, used in (
        ("--app-hook", "drain", wish.app_hook == "drain"),
        ("--own-hook", "http", wish.hook == "http"),
    ):
        if used and not wish.token:
            yield Problem(
                option,
                f"{hook} needs SIDECAR_HTTP__TOKEN: the kubelet sends the hook's request from the node, "
                "and takes its headers from the pod alone, never from a Secret",
            )
    if wish.app_hook != "none" and not wish.app:
        yield Problem("--app-hook", f"{wish.app_hook} is a hook of the application: name its container by --app")


def _times(wish: Wish) -> Iterator[Problem]:
    """Yield times that do not fit into the pod's one grace period."""
    drain, app = wish.drain_seconds, 0 if wish.shape == "standalone" else wish.app_stop
    total = math.ceil(drain) + app + MARGIN
    if total > wish.grace_period:
        yield Problem(
            "--grace-period",
            f"{wish.grace_period} s is too short for {total} s = SIDECAR_DRAIN_TIMEOUT ({wish.drain_timeout}) "
            f"+ --app-stop ({app} s) + {MARGIN} s: make it longer, or the drain shorter",
        )
    if wish.app_hook == "sleep" and wish.sleep > drain:
        yield Problem(
            "--sleep",
            f"{wish.sleep} s is longer than the drain may take, SIDECAR_DRAIN_TIMEOUT ({wish.drain_timeout}): make it shorter",
        )
