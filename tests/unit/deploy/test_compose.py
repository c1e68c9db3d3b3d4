"""The compose file parses, names existing settings, and leaves the creation of topics to the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stream_seg.settings import PREFIX, Settings
from stream_seg.tools.topics import topic_specs

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_every_setting_exists_and_is_valid(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("worker", "topics"):
        environment = {key: value for key, value in services[name]["environment"].items() if key.startswith(PREFIX)}
        unknown = {key for key in environment if key.removeprefix(PREFIX).lower() not in Settings.model_fields}
        assert environment
        assert not unknown
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        settings = Settings()
        assert settings.cluster.address == "kafka:9092"
        assert settings.redis_url == "redis://redis:6379/0"


def test_kafka_leaves_topics_to_us_and_one_broker_can_hold_them(services: dict[str, Any]) -> None:
    kafka = services["kafka"]["environment"]
    replicas = int(services["worker"]["environment"]["STREAM_SEG_REPLICATION_FACTOR"])
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert replicas == int(kafka["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"]) == 1
    assert services["worker"]["depends_on"]["topics"]["condition"] == "service_completed_successfully"
    assert services["topics"]["command"] == ["topics", "create"]


def test_topics_created_with_these_settings_are_those_of_the_contract(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in services["topics"]["environment"].items():
        monkeypatch.setenv(key, value)
    specs = {spec.name: spec for spec in topic_specs(Settings())}
    for name in ("purchases", "interactions", "profiles", "segment-changes"):
        assert specs[name].partitions == 8
    assert specs["segment-changes"].config["retention.ms"] == "-1"
    assert specs["segment-changes"].config["cleanup.policy"] == "delete"
    assert specs["segment-models"].partitions == 1
    assert specs["segment-models"].config["cleanup.policy"] == "compact"


def test_kafka_and_redis_have_health_checks_and_no_open_port(services: dict[str, Any]) -> None:
    for name in ("kafka", "redis"):
        assert services[name]["healthcheck"]["test"]
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])


def test_workers_scale(services: dict[str, Any]) -> None:
    worker = services["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker


def test_the_image_runs_as_a_user_of_its_own() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["stream_seg"]
    assert 'ENTRYPOINT ["stream-seg"]' in lines
