"""Every service's credentials on a real broker: allowed exactly where the catalogue says, refused everywhere else."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from lookout.stream.kafka import KafkaBroker, KafkaSettings
from lookout.stream.ports import StreamError
from lookout_cli.__main__ import app
from lookout_cli.production.acls import Operation, Resource, principals, roles
from support.certificates import Authority
from support.kafka_node import why_no_kafka
from support.secured_kafka import ADMIN, Secured, secured_kafka
from typer.testing import CliRunner

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

Figures = Callable[[str, object], None]
ALLOWED, REFUSED = "allowed", "refused"
_REFUSALS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_WITHIN_S = 20.0


@pytest.fixture(name="secured", scope="module")
def secured_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    reason = why_no_kafka()
    if reason is not None:
        pytest.skip(reason)
    with secured_kafka(tmp_path_factory.mktemp("secured")) as secured:
        yield secured


@pytest.fixture(name="everyone", scope="module")
def everyone_fixture(secured: Secured) -> Sequence[str]:
    """All roles, with a record on every topic for them to read."""
    producer = Producer(secured.node.admin().client())
    for topic in secured.catalogue.topics:
        producer.produce(topic.name, key=b"key", value=b"value", partition=0)
    assert producer.flush(_WITHIN_S) == 0
    return roles(secured.catalogue)


def granted(secured: Secured, role: str, operation: Operation) -> set[str]:
    """The topics on which a role may do something, beginnings of names resolved."""
    (principal,) = principals(secured.catalogue, only=[role])
    return {
        topic.name
        for topic in secured.catalogue.topics
        for grant in principal.grants
        if grant.resource is Resource.TOPIC and operation in grant.operations
        if topic.name == grant.name
        or (grant.pattern == "prefixed" and topic.name.startswith(grant.name))
    }


def verdict(error: KafkaError | None) -> str:
    """What an answer says; anything but yes and no fails the test."""
    if error is None:
        return ALLOWED
    assert error.code() in _REFUSALS, error
    return REFUSED


def writes(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, str]:
    """Whether a record may be written on each topic."""
    found: dict[str, str] = {}
    producer = Producer(settings.client())
    for topic in topics:

        def told(error: KafkaError | None, _message: Message, topic: str = topic) -> None:
            found[topic] = verdict(error)

        producer.produce(topic, key=b"key", value=b"value", partition=0, on_delivery=told)
    assert producer.flush(_WITHIN_S) == 0
    return found


def reads(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, str]:
    """Whether the first record of each topic may be read. Who is not told where a topic lies cannot ask for its records."""
    admin = AdminClient(dict(settings.client()))
    asked = {topic: admin.list_topics(topic, timeout=_WITHIN_S).topics[topic] for topic in topics}
    found = {topic: verdict(seen.error) for topic, seen in asked.items() if seen.error is not None}
    topics = [topic for topic in topics if topic not in found]
    told = len(found) + len(topics)
    consumer = Consumer(
        {**settings.client(), "group.id": settings.reader_group, "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, 0, 0) for topic in topics])
    deadline = time.monotonic() + _WITHIN_S
    try:
        while len(found) < told and time.monotonic() < deadline:
            message = consumer.poll(0.2)
            # What has no topic is about the group of a reader, which is nobody's here.
            if message is not None and message.topic() in topics:
                found.setdefault(str(message.topic()), verdict(message.error()))
    finally:
        consumer.close()
    return found


def purges(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, str]:
    """Whether records of each topic may be deleted (none is: everything before the beginning)."""
    admin = AdminClient(dict(settings.client()))
    answers = admin.delete_records([TopicPartition(topic, 0, 0) for topic in topics])
    return {place.topic: outcome(answer.result) for place, answer in answers.items()}


def outcome(ask: Callable[..., object]) -> str:
    """The verdict of a call that raises where it is refused."""
    try:
        ask(_WITHIN_S)
    except KafkaException as error:
        return verdict(error.args[0])
    return ALLOWED


_ACTS: dict[Operation, Callable[[KafkaSettings, Sequence[str]], dict[str, str]]] = {
    Operation.READ: reads,
    Operation.WRITE: writes,
    Operation.DELETE: purges,
}


@pytest.mark.parametrize("operation", list(_ACTS), ids=str.lower)
def test_every_role_is_allowed_what_the_catalogue_says_and_refused_on_every_other_topic(
    secured: Secured, everyone: Sequence[str], figures: Figures, operation: Operation
) -> None:
    topics = [topic.name for topic in secured.catalogue.topics]
    allowances = denials = 0
    for role in everyone:
        may = granted(secured, role, operation)
        found = _ACTS[operation](secured.settings(role), topics)
        assert found == {topic: ALLOWED if topic in may else REFUSED for topic in topics}, role
        allowances += len(may)
        denials += len(topics) - len(may)
    assert allowances
    figures(f"ACL {operation}: allowances proved on a broker", allowances)
    figures(f"ACL {operation}: denials proved on a broker", denials)


def test_every_role_is_refused_in_every_group_that_is_not_its_own(
    secured: Secured, everyone: Sequence[str], figures: Figures
) -> None:
    own = {
        role: {
            grant.name
            for grant in principals(secured.catalogue, only=[role])[0].grants
            if grant.resource is Resource.GROUP and Operation.READ in grant.operations
        }
        for role in everyone
    }
    groups = sorted(set().union(*own.values()))
    denials = 0
    for role in everyone:
        if role == "monitor":
            continue  # sees every group's offsets: that is what it is for
        for group in groups:
            admin = AdminClient(dict(secured.settings(role).client()))
            (answer,) = admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group)]
            ).values()
            refused = outcome(answer.result)
            assert (refused == ALLOWED) == (group in own[role]), (role, group)
            denials += refused == REFUSED
    figures("ACL groups: denials proved on a broker", denials)


def test_the_commands_need_kafkas_credentials_and_no_other_secret(
    secured: Secured, everyone: Sequence[str], tmp_path: Path
) -> None:
    admin = tmp_path / "admin.password"
    admin.touch(mode=0o600)
    admin.write_text(secured.node.admin_password)
    as_admin = {
        **secured.environment("topics"),
        "LOOKOUT_KAFKA_USERNAME": ADMIN,
        "LOOKOUT_KAFKA_PASSWORD_FILE": str(admin),
    }
    apply = ["topics", "acls", "--apply", "--passwords", str(secured.passwords)]

    created = CliRunner().invoke(app, ["topics", "create"], env=secured.environment("topics"))
    granted = CliRunner().invoke(app, apply, env=as_admin)
    refused = CliRunner().invoke(app, apply, env=secured.environment("topics"))

    assert (created.exit_code, created.stdout) == (0, "every topic is there\n")
    assert granted.exit_code == 0, granted.stderr
    assert "10 users have their passwords" in granted.stdout
    assert refused.exit_code == 1
    assert "AUTHORIZATION_FAILED" in refused.stderr


def test_nobody_but_the_topics_job_makes_a_topic_and_nobody_deletes_one(
    secured: Secured, everyone: Sequence[str]
) -> None:
    made = []
    for role in everyone:
        admin = AdminClient(dict(secured.settings(role).client()))
        name = f"{secured.catalogue.prefix}made-by-{role}"
        answers = admin.create_topics([NewTopic(name, 1, 1)])
        if outcome(answers[name].result) == ALLOWED:
            made.append(role)
    assert made == ["topics"]

    keeper = AdminClient(dict(secured.settings("keeper").client()))
    faces = f"{secured.catalogue.prefix}faces"
    with pytest.raises(KafkaException) as caught:
        keeper.delete_topics([faces])[faces].result(_WITHIN_S)
    assert caught.value.args[0].code() == KafkaError.TOPIC_DELETION_DISABLED


def test_a_wrong_password_is_refused_and_said_without_it(secured: Secured) -> None:
    wrong = secured.settings("embedding", password="not-the-password")

    with pytest.raises(StreamError, match="credentials") as caught:
        KafkaBroker(wrong).watermarks(f"{secured.catalogue.prefix}faces")

    assert "not-the-password" not in str(caught.value)


def test_the_mtls_listener_takes_certificates_of_the_authority_and_no_one_without(
    secured: Secured, everyone: Sequence[str], tmp_path: Path
) -> None:
    faces, frames = f"{secured.catalogue.prefix}faces", f"{secured.catalogue.prefix}frames"
    certified = secured.certified(*secured.authority.issue("lookout-embedding"))
    strange = Authority(tmp_path, "another-ca").issue("lookout-embedding")

    assert KafkaBroker(certified).watermarks(faces)
    assert writes(certified, [faces, frames]) == {faces: REFUSED, frames: REFUSED}
    for refused in (secured.certified(None, None), secured.certified(*strange)):
        with pytest.raises(StreamError, match="for its topics failed"):
            KafkaBroker(refused).watermarks(faces)
