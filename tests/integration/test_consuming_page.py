"""What docs/consuming.md tells a consumer in Python runs as it stands there."""

import json
import shutil
import sys
import uuid
from pathlib import Path

import pytest
from lookout.topics import load_catalogue, schemas_folder
from support.consuming_page import block, printing, produce_alerts
from support.kafka_node import KafkaNode


def test_the_pages_connect_sink_is_json_with_a_group_that_the_rights_allow() -> None:
    config = json.loads(block("json"))["config"]

    assert config["topics"] == "lookout.alerts"
    assert config["consumer.override.group.id"].startswith("alerts-consumer")


@pytest.mark.kafka
def test_the_pages_python_consumer_prints_alerts(kafka: KafkaNode, tmp_path: Path) -> None:
    catalogue = load_catalogue(prefix=f"test-{uuid.uuid4().hex[:8]}.")
    topic = catalogue.named(f"{catalogue.prefix}alerts")
    kafka.broker().create_topics([topic.spec])
    alerts = produce_alerts(kafka.broker(), catalogue)
    shutil.copytree(schemas_folder(), tmp_path / "schemas")
    (tmp_path / "consumer.properties").write_text(f"bootstrap.servers={kafka.bootstrap}\n")
    (tmp_path / "consumer.py").write_text(block("python").replace("lookout.alerts", topic.name))

    with printing([sys.executable, "consumer.py"], tmp_path) as lines:
        printed = lines(len(alerts))

    assert sorted(printed) == sorted(
        f"{alert.alert_id} {alert.revision} {alert.category} {alert.response}" for alert in alerts
    )
