"""Certificates that sign themselves, each with its key: made by openssl, so a test that needs one is skipped by name without it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.parts.missing import part_missing

NEW = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -addext subjectAltName=DNS:localhost"


def make(folder: Path, name: str) -> Path:
    """Return a PEM file with a certificate for ``localhost`` and its key; beside it each alone, ``.crt`` and ``.key``."""
    both, certificate, key = folder / f"{name}.pem", folder / f"{name}.crt", folder / f"{name}.key"
    try:
        subprocess.run(
            [*NEW.split(), "-subj", f"/CN={name}", "-keyout", key, "-out", certificate], check=True, capture_output=True
        )
    except FileNotFoundError:
        part_missing("no openssl to make a certificate with", "apt-get install openssl")
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both
