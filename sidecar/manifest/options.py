"""What ``kafka-sidecar manifest`` can be told. Standard library only: every command of the program builds this parser."""

from __future__ import annotations

import argparse
from importlib.metadata import version
from typing import Literal, NamedTuple, get_args

Shape = Literal["native", "classic", "inverted", "standalone"]
OwnHook = Literal["auto", "exec", "http", "none"]
AppHook = Literal["none", "sleep", "drain"]


class SecretKey(NamedTuple):
    """A key of a Secret of Kubernetes."""

    secret: str
    key: str


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


def _secret(text: str) -> tuple[str, SecretKey]:
    name, equals, where = text.partition("=")
    secret, slash, key = where.partition("/")
    if not (name.startswith("SIDECAR_") and equals and secret and slash and key):
        raise argparse.ArgumentTypeError(f"{text!r} is not SETTING=SECRET/KEY, like SIDECAR_KAFKA__SASL_PASSWORD=kafka/password")
    return name, SecretKey(secret, key)
