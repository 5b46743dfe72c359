"""The live page is data of the wheel, and the chart library in it is the very file that its authors published, with their licence."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = "sidecar/http/page"


def test_every_file_of_the_page_is_in_the_wheel(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if name.startswith(f"{PAGE}/")}
    assert packed == {str(path.relative_to(ROOT)): path.read_bytes() for path in (ROOT / PAGE).rglob("*") if path.is_file()}
    assert f"{PAGE}/vendor/UPLOT.txt" in packed


def test_what_is_vendored_is_unchanged() -> None:
    vendor = ROOT / PAGE / "vendor"
    said = re.findall(r"^([0-9a-f]{64})  (\S+)$", (vendor / "UPLOT.txt").read_text(encoding="utf-8"), re.MULTILINE)
    found = {(hashlib.sha256(path.read_bytes()).hexdigest(), path.name) for path in vendor.iterdir() if path.name != "UPLOT.txt"}
    assert set(said) == found
