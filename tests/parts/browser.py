"""A real Chromium for tests of the live page, driven by Playwright, and axe-core, which looks for what keeps people out.

The browser is Debian's package; axe-core comes from npm and lies in ``.cache``. Every context is fresh, and what a page
complains about (errors of scripts, requests that failed, breaches of its own policy) is kept for the test to look at.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.parts import debian
from tests.parts.kafka import Unavailable
from tests.parts.npm import NpmPackage, fetch_npm

PACKAGES = {"chromium": "chromium"}

AXE = NpmPackage("axe-core", "4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745")
AXE_FOLDER = Path(__file__).parents[2] / ".cache" / f"{AXE.name}-{AXE.version}"

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

MEND = "python -m tests.parts"


def fetch_browser() -> None:
    """Have Chromium and axe-core; raises :class:`Unavailable` when this machine cannot."""
    if (missing := debian.missing_packages(PACKAGES)) and not debian.install(missing):
        raise Unavailable(f"there is no chromium ({debian.install_line(missing)})")
    fetch_npm(AXE, AXE_FOLDER)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser; raises :class:`Unavailable` where there is none."""
    program = shutil.which("chromium")
    if program is None or not AXE_FOLDER.is_dir():
        raise Unavailable("there is no chromium, or no axe-core")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def complaints_of(page: Page) -> list[str]:
    """Return the list that will hold what the page complains about from now on."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("console", lambda said: heard.append(f"{said.type}: {said.text}") if said.type in ("error", "warning") else None)
    return heard


def violations(page: Page) -> Sequence[str]:
    """Return what axe-core finds wrong with the page as it is: the rule, and where."""
    page.evaluate((AXE_FOLDER / "axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found["violations"]
        for node in each["nodes"]
    ]
