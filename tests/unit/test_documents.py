"""What the documents name is there: settings, commands, metrics, and the places that they link to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sidecar.observe.metric_defs import METRICS
from sidecar.settings import kafka_properties
from sidecar.settings.environment import SECRETS_DIR, is_of_kubernetes, known
from sidecar.writers.registry import schemes

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EACH = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))

SETTINGS = {
    SECRETS_DIR,
    *known(),
    *(kafka_properties.setting_of(name) for name in kafka_properties.ALLOWED),
    *(f"SIDECAR_WRITER__{option.upper()}" for scheme in schemes().values() for option in scheme.options),
}
SERVED = {metric.name for metric in METRICS}
COMMANDS = set(re.findall(r"kafka-sidecar ([a-z |]+)", (ROOT / "sidecar" / "cli.py").read_text(encoding="utf-8"))[0].split(" | "))


@EACH
def test_each_setting_that_is_named_can_be_set(path: Path) -> None:
    named = set(re.findall(r"\bSIDECAR_\w*[A-Z0-9](?![A-Z0-9_<*])", path.read_text(encoding="utf-8")))
    wrong = {name for name in named if not {name, name.removesuffix("_FILE")} & SETTINGS}
    assert {name for name in wrong if not is_of_kubernetes(name, "tcp://")} == set()


@EACH
def test_each_metric_that_is_named_is_served(path: Path) -> None:
    named = set(re.findall(r"(?<![:\w])sidecar_[a-z_]+[a-z]", path.read_text(encoding="utf-8")))
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} - SERVED == set()


@EACH
def test_each_command_that_is_named_can_be_given(path: Path) -> None:
    assert set(re.findall(r"kafka-sidecar ([a-z]+)\b", path.read_text(encoding="utf-8"))) <= COMMANDS


@EACH
def test_each_place_that_is_linked_is_there(path: Path) -> None:
    for target, place in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)]*)\)", path.read_text(encoding="utf-8")):
        linked = path.parent / target if target else path
        assert linked.exists(), target
        assert not place or place in anchors_of(linked), f"{target}#{place}"


def anchors_of(path: Path) -> set[str]:
    """Return the names of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
