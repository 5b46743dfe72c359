from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.choreography.playing import Play, playing, selected
from tests.parts.kafka import RealKafka


@pytest.fixture(scope="module")
def play(request: pytest.FixtureRequest, kafka: RealKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """Return the outcome of a case; those that the selected tests of the module ask for are played once each."""
    with playing(selected(request), kafka, tmp_path_factory.mktemp("pods")) as play:
        yield play
