"""The YAML of manifests, read back by a YAML reader."""

from __future__ import annotations

import pytest
import yaml

from sidecar.manifest.yaml import dump

TEXTS = ["", "a", "yes", "No", "null", "~", "1", "1e3", "0x1f", "12:30:45", "a: b", "a #b", "- a", "*a", "&a", "!a", "'a'", 'a"b', "a\nb", "a\n  b: c\nd #", " a\nb", "a\nb\n", "a\n\nb", "a\tb\nc", " a ", "ä", "@a", "%", "{a}", "256Mi"]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_back_as_that_text(text: str) -> None:
    assert yaml.safe_load(dump({"key": text, text or "empty": "a", "list": [text]})) == {
        "key": text,
        text or "empty": "a",
        "list": [text],
    }


def test_everything_that_a_manifest_is_made_of_is_read_back() -> None:
    value = {"a": {"b": [{"c": 1, "d": [True, None, 1.5]}, {"e": {}}, []], "f": []}, "g": {}}
    assert yaml.safe_load(dump(value)) == value
