"""Other systems read alerts from a real broker: Java with a consumer's rights and no more, and kcat, by docs/consuming.md."""

import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from lookout.events import Alert
from lookout.schema_ids import locked_id
from lookout.stream.kafka import KafkaBroker
from lookout.topics import load_catalogue, schemas_folder
from support.consuming_page import PAGE, block, printing, produce_alerts, properties
from support.kafka_node import KafkaNode, why_no_kafka
from support.secured_kafka import Secured, secured_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(500)]

_ROLE = "alerts-consumer"
_EXAMPLE = PAGE.parent / "examples" / "java-consumer"
_SCHEMA = schemas_folder() / "avro" / "alert" / "v1.avsc"
_MAVEN_S = 300


@pytest.fixture(name="secured", scope="module")
def secured_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    reason = why_no_kafka()
    if reason is not None:
        pytest.skip(reason)
    with secured_kafka(tmp_path_factory.mktemp("secured")) as secured:
        yield secured


@pytest.fixture(name="alerts", scope="module")
def alerts_fixture(secured: Secured) -> Sequence[Alert]:
    return produce_alerts(KafkaBroker(secured.settings("alerting")), secured.catalogue)


def java_properties(secured: Secured) -> str:
    password = secured.password_file(_ROLE).read_text().strip()
    login = block("properties", "jaas").split("jaas.config=")[1].splitlines()[0]
    return properties(
        block("properties", "jaas"),
        {
            "bootstrap.servers": secured.node.bootstrap,
            "sasl.jaas.config": login.replace("...", password),
            "ssl.truststore.location": str(secured.authority.ca_file),
        },
    )


def built(folder: Path) -> Path:
    """The Java example, built by Maven in a copy."""
    if shutil.which("mvn") is None:
        pytest.skip("no mvn on PATH: install Maven")
    shutil.copytree(_EXAMPLE, folder, ignore=shutil.ignore_patterns("target"))
    done = subprocess.run(
        ["mvn", "-q", "-B", "package", "dependency:copy-dependencies"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_MAVEN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_java_consumer_decodes_alerts_by_the_released_schema(
    secured: Secured,
    alerts: Sequence[Alert],
    tmp_path: Path,
    figures: Callable[[str, object], None],
) -> None:
    folder = built(tmp_path / "java-consumer")
    (folder / "consumer.properties").write_text(java_properties(secured))
    command = ["java", "-cp", "target/classes:target/dependency/*", "AlertConsumer"]
    command += ["consumer.properties", str(_SCHEMA), "lookout.alerts"]

    with printing(command, folder) as lines:
        printed = lines(len(alerts))

    for alert in alerts:
        (line,) = [p for p in printed if f"{alert.alert_id} revision {alert.revision}," in p]
        assert line.startswith(f"schema {locked_id(_SCHEMA.read_text())}: ")
        assert f"entry {alert.entry_id}, {alert.category}, respond {alert.response}" in line
        assert all(sighting.camera_id in line for sighting in alert.sightings)
        figures(f"Java consumer, revision {alert.revision}", line)


def test_kcat_prints_keys_and_headers_without_a_schema(kafka: KafkaNode, tmp_path: Path) -> None:
    # On a node without security: by SCRAM, Debian's kcat 1.7.1 (librdkafka 2.0.2) was refused where Java's client and
    # librdkafka 2.16 were let in by the same password. Why is not known.
    if shutil.which("kcat") is None:
        pytest.skip("no kcat on PATH: install Debian's kcat")
    catalogue = load_catalogue(prefix=f"test-{uuid.uuid4().hex[:8]}.")
    topic = catalogue.named(f"{catalogue.prefix}alerts")
    kafka.broker().create_topics([topic.spec])
    alerts = produce_alerts(kafka.broker(), catalogue)
    (tmp_path / "consumer.properties").write_text(f"bootstrap.servers={kafka.bootstrap}\n")
    command = block("sh").replace("lookout.alerts", topic.name).replace("kcat ", "kcat -m 60 ", 1)

    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    assert len(printed) == len(alerts)
    assert {line.split()[0] for line in printed} == {alert.alert_id for alert in alerts}
    assert all("ce_type=" in line for line in printed)
