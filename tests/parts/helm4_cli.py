"""The commands of Helm 4 that tests use, on its SDK: started by the program that :mod:`tests.parts.helm` makes.

::

    version
    template NAME CHART [--namespace N] [--values FILE]... [--set PATH=VALUE]... [--show-only TEMPLATE]...
    lint CHART [--strict] [--values FILE]... [--set PATH=VALUE]...
    dependency build CHART

Output and exit status are those of Helm. The SDK has no ``--kube-version``: it renders for the newest Kubernetes that it knows.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import helm_python as helm

SEVERITIES = {1: "INFO", 2: "WARNING", 3: "ERROR"}
TOLERATED = {"INFO", "WARNING"}


def main(arguments: list[str]) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except helm.HelmError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="helm", allow_abbrev=False)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("version").set_defaults(command=_version)
    template = commands.add_parser("template")
    template.add_argument("name")
    template.add_argument("--namespace", "-n", default="default")
    template.add_argument("--show-only", "-s", action="append", default=[])
    lint = commands.add_parser("lint")
    lint.add_argument("--strict", action="store_true")
    for command, run in ((template, _template), (lint, _lint)):
        command.add_argument("chart", type=Path)
        command.add_argument("--values", "-f", action="append", default=[], type=Path)
        command.add_argument("--set", action="append", default=[])
        command.set_defaults(command=run)
    build = commands.add_parser("dependency").add_subparsers(required=True).add_parser("build")
    build.add_argument("chart", type=Path)
    build.set_defaults(command=_build)
    return parser


def _version(_options: argparse.Namespace) -> int:
    print(helm.helm_sdk_version())
    return 0


def _template(options: argparse.Namespace) -> int:
    values = _values(options)
    with helm.Chart.load(options.chart) as chart:
        rendered = chart.render(values, name=options.name, namespace=options.namespace)
    for path, text in sorted(rendered.items()):
        wanted = not options.show_only or any(path.endswith(f"/{name}") for name in options.show_only)
        if wanted and path.endswith(".yaml") and text.strip():
            print(f"---\n# Source: {path}\n{text.strip()}")
    return 0


def _lint(options: argparse.Namespace) -> int:
    report = helm.lint(options.chart, _values(options), strict=options.strict)
    for message in report["messages"]:
        print(f"[{SEVERITIES[message['severity']]}] {message['path']}: {message['error']}")
    found = {SEVERITIES[message["severity"]] for message in report["messages"]}
    return int(bool(report["errors"]) or not found <= (TOLERATED - {"WARNING"} if options.strict else TOLERATED))


def _build(options: argparse.Namespace) -> int:
    helm.dependency_build(options.chart)
    return 0


def _values(options: argparse.Namespace) -> dict[str, Any]:
    """Return the values of the files, then those of the options, the later over the earlier."""
    values: dict[str, Any] = {}
    for file in options.values:
        values = _over(values, helm.values_from_yaml(file.read_text(encoding="utf-8")))
    for expression in options.set:
        values = _over(values, helm.parse_set_string(expression))
    return values


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _over(merged[name], value) if both else value
    return merged


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
