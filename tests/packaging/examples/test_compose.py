from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.settings import load_settings
from tests.parts.compose import read_compose
from tests.parts.image import ROOT

FILE = ROOT / "examples" / "compose.yaml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = read_compose(FILE)["services"]
    return found


def test_a_wrong_compose_file_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(FILE.read_text("utf-8").replace("stop_grace_period", "stop_grace"), "utf-8")
    with pytest.raises(ValueError, match="stop_grace"):
        read_compose(wrong)


def test_every_part_of_the_walk_through_is_there(services: dict[str, Any]) -> None:
    assert set(services) == {"kafka", "orders", "app", "sidecar", "prometheus", "grafana"}


def test_its_settings_are_settings_of_the_sidecar(services: dict[str, Any]) -> None:
    settings = load_settings(services["sidecar"]["environment"])
    assert settings.topics == (services["orders"]["environment"]["TOPIC"],)
    assert settings.kafka.bootstrap_servers == services["orders"]["environment"]["KAFKA"]


def test_every_file_that_it_mounts_or_builds_from_is_there(services: dict[str, Any]) -> None:
    mounted = [
        Path(mount["source"]) for service in services.values() for mount in service.get("volumes", ()) if mount["type"] == "bind"
    ]
    built = [Path(service["build"]["context"]) / "Dockerfile" for service in services.values() if "build" in service]
    assert len(mounted) == 5
    assert len(built) == 2
    assert [path for path in [*mounted, *built] if not path.exists()] == []


def test_prometheus_scrapes_the_sidecar_and_grafana_asks_prometheus(services: dict[str, Any]) -> None:
    assert services["sidecar"]["network_mode"] == "service:app"
    (job,) = yaml.safe_load((FILE.parent / "prometheus.yaml").read_text("utf-8"))["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["app:9877"]
    (source,) = yaml.safe_load((FILE.parent / "grafana" / "datasources.yaml").read_text("utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((FILE.parent / "grafana" / "dashboards.yaml").read_text("utf-8"))["providers"]
    dashboards = [mount["source"] for mount in services["grafana"]["volumes"] if mount["target"] == provider["options"]["path"]]
    assert dashboards == [str(ROOT / "helm" / "kafka-sidecar" / "dashboards")]
