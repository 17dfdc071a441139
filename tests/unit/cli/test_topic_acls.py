"""Rights on Kafka follow from the catalogue: everybody what names them, nobody anything else."""

import json
import shlex
from collections.abc import Mapping, Sequence

import pytest
import yaml
from lookout.topics import load_catalogue
from lookout_cli.__main__ import app
from lookout_cli.production.acl_formats import as_commands, as_json, as_users
from lookout_cli.production.acls import (
    AclError,
    Operation,
    Pattern,
    Principal,
    Resource,
    principals,
    roles,
)
from lookout_cli.production.strimzi import Labels, as_topics
from lookout_keeper.adapters.purge import sealed_topics
from typer.testing import CliRunner

CATALOGUE = load_catalogue()
EVERYBODY = principals(CATALOGUE, only=roles(CATALOGUE))
BY_ROLE = {principal.role: principal for principal in EVERYBODY}
NAMED = {role for entry in CATALOGUE.entries for role in (*entry.producers, *entry.consumers)}


def allowed(principal: Principal, operation: Operation) -> set[str]:
    """Names of the topics (or their beginnings) on which a principal may do something."""
    return {
        grant.name
        for grant in principal.grants
        if grant.resource is Resource.TOPIC and operation in grant.operations
    }


@pytest.mark.parametrize("role", sorted(NAMED))
def test_whoever_the_catalogue_names_may_read_and_write_those_topics_and_no_other(
    role: str,
) -> None:
    read = {topic.name for topic in CATALOGUE.topics if role in topic.entry.consumers}
    written = {topic.name for topic in CATALOGUE.topics if role in topic.entry.producers}

    assert allowed(BY_ROLE[role], Operation.READ) == read
    assert allowed(BY_ROLE[role], Operation.WRITE) == written
    assert not [
        grant
        for grant in BY_ROLE[role].grants
        if grant.pattern is Pattern.PREFIXED or grant.resource is Resource.CLUSTER
    ]


def test_faces_are_read_by_embedding_and_the_keeper_alone() -> None:
    standing = principals(CATALOGUE)

    assert [one.role for one in standing if "lookout.faces" in allowed(one, Operation.READ)] == [
        "embedding",
        "keeper",
    ]


def test_the_keeper_alone_deletes_records_and_only_what_ends_with_a_deployment() -> None:
    deleting = {
        one.role: allowed(one, Operation.DELETE)
        for one in EVERYBODY
        if allowed(one, Operation.DELETE)
    }

    assert deleting == {"keeper": {topic.name for topic in sealed_topics(CATALOGUE)}}


def test_the_topics_job_alone_creates_topics_and_reads_nothing() -> None:
    creating = [one.role for one in EVERYBODY if allowed(one, Operation.CREATE)]

    assert creating == ["topics"]
    assert not allowed(BY_ROLE["topics"], Operation.READ)


@pytest.mark.parametrize("role", ["auditor", "monitor", "alerts-consumer"])
def test_whoever_only_looks_changes_nothing(role: str) -> None:
    changing = {Operation.WRITE, Operation.CREATE, Operation.DELETE}

    assert not [g for g in BY_ROLE[role].grants if changing & set(g.operations)]


def test_a_consumer_of_alerts_reads_alerts_alone_in_groups_of_its_own() -> None:
    consumer = BY_ROLE["alerts-consumer"]

    assert allowed(consumer, Operation.READ) == {"lookout.alerts"}
    groups = [g.name for g in consumer.grants if g.resource is Resource.GROUP]
    assert groups == ["alerts-consumer"]


def test_no_group_is_shared() -> None:
    joined = [
        grant.name
        for one in EVERYBODY
        for grant in one.grants
        if grant.resource is Resource.GROUP and Operation.READ in grant.operations
    ]

    assert sorted(joined) == sorted(set(joined))
    assert not [g for g in BY_ROLE["capture"].grants if g.name == "lookout.capture"]


def test_roles_that_are_not_standing_are_granted_only_when_asked_for() -> None:
    assert {one.role for one in principals(CATALOGUE)} == NAMED | {"topics", "monitor"}


def test_an_unknown_role_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(AclError, match="no role barista: there are capture, "):
        principals(CATALOGUE, only=["barista"])


def rights(document: Sequence[Mapping[str, object]]) -> set[tuple[object, ...]]:
    """Every single right of the JSON form, as one comparable set."""
    return {
        (one["user"], grant["resource"], grant["name"], grant["pattern"], operation)
        for one in document
        for grant in one["grants"]  # type: ignore[attr-defined]  # parsed JSON
        for operation in grant["operations"]
    }


def test_commands_grant_what_the_json_says() -> None:
    said = set()
    for line in as_commands(EVERYBODY, bootstrap="b:1", admin_file="admin file").splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0] != "kafka-acls.sh":
            continue
        assert words[1:7] == [
            "--bootstrap-server",
            "b:1",
            "--command-config",
            "admin file",
            "--add",
            "--force",
        ]
        user = words[words.index("--allow-principal") + 1].removeprefix("User:")
        operations = [words[n + 1] for n, word in enumerate(words) if word == "--operation"]
        if "--cluster" in words:
            where = ("cluster", "kafka-cluster", "literal")
        else:
            place = words.index("--topic") if "--topic" in words else words.index("--group")
            pattern = words[words.index("--resource-pattern-type") + 1]
            where = (words[place].lstrip("-"), words[place + 1], pattern)
        said |= {(user, *where, operation) for operation in operations}

    assert said == rights(json.loads(as_json(EVERYBODY)))


@pytest.mark.parametrize(("authentication", "kind"), [("scram", "scram-sha-512"), ("mtls", "tls")])
def test_strimzi_users_hold_what_the_json_says(authentication: str, kind: str) -> None:
    labels = Labels(cluster="stream", namespace="police")
    users = list(yaml.safe_load_all(as_users(EVERYBODY, labels, authentication=authentication)))

    assert {user["spec"]["authentication"]["type"] for user in users} == {kind}
    assert {user["metadata"]["labels"]["strimzi.io/cluster"] for user in users} == {"stream"}
    said = {
        (
            user["metadata"]["name"],
            acl["resource"]["type"],
            acl["resource"].get("name", "kafka-cluster"),
            {"prefix": "prefixed"}.get(
                pattern := acl["resource"].get("patternType", "literal"), pattern
            ),
            operation,
        )
        for user in users
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }
    assert said == rights(json.loads(as_json(EVERYBODY)))


def test_strimzi_topics_are_the_catalogues_with_replicas() -> None:
    text = as_topics(CATALOGUE, Labels(cluster="stream"), replicas=3, min_in_sync=2)
    topics = {one["metadata"]["name"]: one["spec"] for one in yaml.safe_load_all(text)}

    assert set(topics) == {topic.name for topic in CATALOGUE.topics}
    for topic in CATALOGUE.topics:
        spec = topics[topic.name]
        assert spec["partitions"] == topic.entry.partitions
        assert spec["replicas"] == 3
        assert spec["config"] == {**topic.entry.config, "min.insync.replicas": 2}


def test_the_command_prints_every_format() -> None:
    run = CliRunner()
    arguments = ["topics", "acls", "--role", "embedding", "--prefix", "force."]

    table = run.invoke(app, arguments, env={"COLUMNS": "160"}).stdout
    printed = json.loads(run.invoke(app, [*arguments, "--format", "json"]).stdout)

    assert "force.faces" in table
    assert [one["user"] for one in printed] == ["lookout-embedding"]
    refused = run.invoke(app, ["topics", "acls", "--role", "barista"])
    assert refused.exit_code == 1
    assert "no role barista" in " ".join(refused.stderr.split())
