"""The charts of this repository, rendered by a real Helm; and ``python -m tests.packaging.charts``, which writes the goldens.

A case is a file of values, named ``<chart>-<what it is>.yaml``; its golden is what Helm 3 makes of it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.parts.helm import fetch_helm3

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).with_name("cases")
GOLDENS = Path(__file__).with_name("goldens")

CHARTS: Mapping[str, Path] = {
    "kafka-sidecar": Path("helm/kafka-sidecar"),
    "billing": Path("examples/chart"),  # an application's own chart, with the library
}
"""The charts that can be rendered, by name."""

RENDER_WITHIN = 30.0

Object = dict[str, Any]


class Refused(Exception):  # noqa: N818 -- what Helm did, not what went wrong here
    """Helm did not render; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Helm:
    """A Helm, and a copy of the charts with their dependencies. Helm 4 here renders for the newest Kubernetes that it knows."""

    name: str
    program: Path
    folder: Path

    @property
    def can_pretend(self) -> bool:
        """Whether it renders for a version of Kubernetes that is told."""
        return self.name == "helm 3"

    def render(self, chart: str, values: Object, kubernetes: str = "1.33.0") -> str:
        """Return the manifests. Raises :class:`Refused`."""
        version = ["--kube-version", kubernetes] if self.can_pretend else []
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=self.folder, encoding="utf-8") as file:
            yaml.safe_dump(values, file)
            file.flush()
            return self._run("template", "release", str(self.chart(chart)), "--namespace", "payments", "-f", file.name, *version)

    def objects(self, chart: str, values: Object, kubernetes: str = "1.33.0") -> list[Object]:
        """Return the rendered objects, in an order that is the same for both Helms."""
        found = [one for one in yaml.safe_load_all(self.render(chart, values, kubernetes)) if one]
        return sorted(found, key=lambda one: (one["kind"], one["metadata"]["name"]))

    def lint(self, chart: str) -> str:
        """Return what lint says. Raises :class:`Refused` where it is an error or a warning."""
        return self._run("lint", "--strict", str(self.chart(chart)))

    def chart(self, name: str) -> Path:
        """Return the copy of a chart."""
        return self.folder / CHARTS[name]

    def _run(self, *arguments: str) -> str:
        ran = subprocess.run(
            [self.program, *arguments], capture_output=True, text=True, check=False, timeout=RENDER_WITHIN, cwd=self.folder
        )
        if ran.returncode != 0:
            raise Refused(ran.stdout + ran.stderr)
        return ran.stdout


def with_charts(name: str, program: Path, folder: Path) -> Helm:
    """Return a Helm with the charts below ``folder``, which is empty."""
    ignored = shutil.ignore_patterns("charts", "Chart.lock", "generate")
    for place in (Path("helm"), Path("examples/chart")):
        shutil.copytree(ROOT / place, folder / place, ignore=ignored)
    for chart in CHARTS.values():
        subprocess.run(
            [program, "dependency", "build", folder / chart], check=True, capture_output=True, timeout=RENDER_WITHIN, cwd=folder
        )
    return Helm(name, program, folder)


def cases() -> list[str]:
    """Return the names of all cases."""
    return sorted(path.stem for path in CASES.glob("*.yaml"))


def chart_of(case: str) -> str:
    """Return the chart that a case belongs to."""
    (chart,) = (chart for chart in CHARTS if case.startswith(f"{chart}-"))
    return chart


def values_of(case: str) -> Object:
    """Return the values of a case."""
    values: Object = yaml.safe_load((CASES / f"{case}.yaml").read_text(encoding="utf-8"))
    return values


def main() -> None:
    """Write the goldens anew."""
    with tempfile.TemporaryDirectory() as folder:
        helm = with_charts("helm 3", fetch_helm3(), Path(folder))
        for golden in GOLDENS.glob("*.yaml"):
            golden.unlink()
        for case in cases():
            (GOLDENS / f"{case}.yaml").write_text(helm.render(chart_of(case), values_of(case)), encoding="utf-8")


if __name__ == "__main__":
    main()
