"""One real browser for the tests of the live page; each test gets a fresh profile, and fails when the page complained."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.stage import Stage
from tests.parts.browser import MEND, chromium, complaints_of
from tests.parts.kafka import Unavailable
from tests.parts.missing import part_missing

expect.set_options(timeout=30_000)
"""Milliseconds within which a page shows what is expected of it, also on a machine that others use too; five by default."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all."""
    try:
        with chromium() as running:
            yield running
    except Unavailable as unavailable:
        part_missing(str(unavailable), MEND)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a fresh tab that must not complain about anything: no error of a script, no breach of the policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    heard = complaints_of(tab)
    yield tab
    context.close()
    assert heard == []


@pytest.fixture
def stage() -> Stage:
    """Return a stage with nothing on it yet."""
    return Stage()
