"""The runbooks: each starts from the verdict, and names only what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helm.generate.dashboards import DASHBOARDS
from sidecar.core.books import DropReason
from sidecar.observe.metric_defs import METRICS
from sidecar.observe.verdicts import Verdict

RUNBOOKS = sorted((Path(__file__).parents[2] / "docs" / "runbooks").glob("*.md"))
EACH = pytest.mark.parametrize("path", RUNBOOKS, ids=[path.stem for path in RUNBOOKS])

VERDICTS = {verdict.value for verdict in Verdict}
PANELS = {panel.title for dashboard in DASHBOARDS for panel in dashboard.panels}
REASONS = {reason.value for reason in DropReason}
SERVED = {metric.name for metric in METRICS}


@EACH
def test_a_runbook_goes_from_the_verdict_to_the_evidence_the_causes_and_the_mends(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["The verdict", "Evidence", "Causes", "Mends"]
    assert "kafka-sidecar status" in text or "kafka-consumer-groups" in text


@EACH
def test_it_names_verdicts_that_there_are(path: Path) -> None:
    for cell in re.findall(r"^\| (`[a-z_`, ]+`) \|", path.read_text(encoding="utf-8"), re.MULTILINE):
        words = set(re.findall(r"`(\w+)`", cell))
        assert words <= VERDICTS | REASONS


@EACH
def test_it_names_panels_and_metrics_that_there_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    panels = set(re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", text))
    assert panels <= PANELS
    metrics = set(re.findall(r"\bsidecar_\w+", re.sub(r"\w*group\w*:\w+:\w+", "", text)))
    assert metrics <= SERVED


@EACH
def test_its_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
