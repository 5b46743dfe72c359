"""The options of ``kafka-sidecar manifest``, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib.metadata import version
from typing import get_args

from sidecar.manifest.pod import deployment, patch
from sidecar.manifest.validate import check
from sidecar.manifest.wish import AppHook, OwnHook, SecretKey, Shape, Wish
from sidecar.manifest.yaml import dump
from sidecar.settings.environment import is_of_kubernetes
from sidecar.settings.model import PREFIX

HEADS: Mapping[str, str] = {
    "native": "# For the pod template of your application: kubectl patch deployment NAME --patch-file FILE, or kustomize.\n",
    "classic": "# For the pod template of your application: kubectl patch deployment NAME --patch-file FILE, or kustomize.\n",
    "inverted": (
        "# For the pod template of your application. Move its own container to initContainers, with restartPolicy: Always:\n"
        "# so it starts before the sidecar, and stops after it.\n"
    ),
    "standalone": "",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the command's parser."""
    parser.add_argument("--shape", required=True, choices=get_args(Shape), help="how the sidecar and the application share a pod")
    image = f"kafka-sidecar:{version('kafka-sidecar')}"
    parser.add_argument("--image", default=image, metavar="REF", help="by tag or by digest (default: %(default)s)")
    parser.add_argument("--name", default="kafka-sidecar", help="the container's name (default: %(default)s)")
    parser.add_argument(
        "--app", default="", metavar="NAME", help="the name of the application's container, for its hook and for kubectl"
    )
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        type=_secret,
        metavar="SETTING=SECRET/KEY",
        help="take a setting from a key of a Secret, mounted as a file; can be given again",
    )
    parser.add_argument(
        "--grace-period", type=int, default=60, metavar="S", help="seconds that the pod has to end (default: %(default)s)"
    )
    parser.add_argument(
        "--app-stop", type=int, default=10, metavar="S", help="seconds that the application takes to stop (default: %(default)s)"
    )
    parser.add_argument(
        "--own-hook",
        default="auto",
        choices=get_args(OwnHook),
        help="the sidecar's preStop hook; auto: exec with native, else none",
    )
    parser.add_argument(
        "--app-hook", default="none", choices=get_args(AppHook), help="the application's preStop hook (default: %(default)s)"
    )
    parser.add_argument("--sleep", type=int, default=5, metavar="S", help="seconds of --app-hook=sleep (default: %(default)s)")
    parser.add_argument("--cpu", default="100m", help="the request (default: %(default)s)")
    parser.add_argument("--memory", default="256Mi", help="request and limit (default: %(default)s)")
    parser.add_argument(
        "--fs-group",
        type=int,
        metavar="GID",
        help="the pod's group, so that the files of Secrets need not be readable by all (standalone: 65532)",
    )


def manifest(options: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """Return the YAML. Raises ConfigurationError for what cannot work."""
    wish = Wish(
        shape=options.shape,
        image=options.image,
        settings=_settings(environ),
        secrets=dict(options.secret),
        name=options.name,
        app=options.app,
        grace_period=options.grace_period,
        app_stop=options.app_stop,
        own_hook=options.own_hook,
        app_hook=options.app_hook,
        sleep=options.sleep,
        cpu=options.cpu,
        memory=options.memory,
        fs_group=options.fs_group,
    )
    check(wish)
    return HEADS[wish.shape] + dump(deployment(wish) if wish.shape == "standalone" else patch(wish))


def _settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that the environment has, but for what Kubernetes puts there for Services."""
    return {name: text for name, text in environ.items() if name.startswith(PREFIX) and not is_of_kubernetes(name, text)}


def _secret(text: str) -> tuple[str, SecretKey]:
    name, equals, where = text.partition("=")
    secret, slash, key = where.partition("/")
    if not (name.startswith(PREFIX) and equals and secret and slash and key):
        raise argparse.ArgumentTypeError(f"{text!r} is not SETTING=SECRET/KEY, like SIDECAR_KAFKA__SASL_PASSWORD=kafka/password")
    return name, SecretKey(secret, key)
