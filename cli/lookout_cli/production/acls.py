"""Who may do what on Kafka, derived from the catalogue: a service reads and writes the topics that name it, and nothing else.

Pure. Reading, writing and deleting imply describing in Kafka's own authorizer; it is granted by name all the same, because
other authorizers do not imply it. Nobody uses transactions, so nobody has a transactional id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lookout.topics import Catalogue, Topic
from lookout_keeper.adapters.purge import sealed_topics

USER_PREFIX = "lookout-"
TOPICS, MONITOR, AUDITOR, CONSUMER = "topics", "monitor", "auditor", "alerts-consumer"
# Those that an installation always has: the others are granted when they are needed, and to whom.
_STANDING_ROLES = (TOPICS, MONITOR)

# The console's and the services' groups have their names; the command line takes evidence in a group of its own.
_GROUPS: Mapping[str, str] = {
    **{
        name: name
        for name in ("detection", "embedding", "matching", "alerting", "keeper", "console")
    },
    "cli": "evidence",
}


class AclError(Exception):
    """A principal that there is none of. Says which there are."""


class Resource(StrEnum):
    """What a right is on, in Kafka's words."""

    TOPIC = "topic"
    GROUP = "group"
    CLUSTER = "cluster"


class Pattern(StrEnum):
    """Whether a name is meant whole or as a beginning, in Kafka's words."""

    LITERAL = "literal"
    PREFIXED = "prefixed"


class Operation(StrEnum):
    """What may be done, in Kafka's words."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DELETE = "Delete"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"


@dataclass(frozen=True, slots=True)
class Grant:
    """Operations that one principal may carry out on one resource. The cluster's name is ``kafka-cluster``."""

    resource: Resource
    name: str
    operations: Sequence[Operation]
    pattern: Pattern = Pattern.LITERAL


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whom Kafka lets in: ``role`` is the catalogue's word, ``user`` the name of the credentials."""

    role: str
    user: str
    purpose: str
    grants: Sequence[Grant]


def roles(catalogue: Catalogue) -> Sequence[str]:
    """Every role there is, those of the catalogue first."""
    return [*_named(catalogue), *_STANDING_ROLES, AUDITOR, CONSUMER]


def principals(
    catalogue: Catalogue, *, only: Sequence[str] = (), user_prefix: str = USER_PREFIX
) -> Sequence[Principal]:
    """Principals with their grants; without ``only``, those that every installation has.

    Raises:
        AclError: ``only`` names a role that there is none of.
    """
    known = roles(catalogue)
    unknown = [role for role in only if role not in known]
    if unknown:
        raise AclError(f"no role {', '.join(unknown)}: there are {', '.join(known)}")
    wanted = only or [*_named(catalogue), *_STANDING_ROLES]
    return [_principal(catalogue, role, user_prefix) for role in wanted]


def may_read(catalogue: Catalogue, role: str) -> Sequence[Topic]:
    """The topics that a service or the command line reads."""
    return [topic for topic in catalogue.topics if role in topic.entry.consumers]


def may_write(catalogue: Catalogue, role: str) -> Sequence[Topic]:
    """The topics that a service or the command line writes."""
    return [topic for topic in catalogue.topics if role in topic.entry.producers]


def _named(catalogue: Catalogue) -> Sequence[str]:
    """Everybody whom the catalogue names, in the order of the data's way, then those at its end."""
    found = {role for entry in catalogue.entries for role in (*entry.producers, *entry.consumers)}
    order = (
        "capture",
        "detection",
        "embedding",
        "matching",
        "alerting",
        "keeper",
        "console",
        "cli",
    )
    return [*(role for role in order if role in found), *sorted(found - set(order))]


def _principal(catalogue: Catalogue, role: str, user_prefix: str) -> Principal:
    grants, purpose = {
        TOPICS: (_of_topics_job, "creates the topics, at installation and upgrades"),
        MONITOR: (_of_monitor, "lag and settings for monitoring and `lookout doctor --production`"),
        AUDITOR: (_of_auditor, "reads everything for one verification; take it away afterwards"),
        CONSUMER: (_of_consumer, "an example of another system that may read alerts and no more"),
    }.get(role, (None, "the command line" if role == "cli" else f"the service {role}"))
    return Principal(
        role=role,
        user=f"{user_prefix}{role}",
        purpose=purpose,
        grants=grants(catalogue) if grants is not None else _of_service(catalogue, role),
    )


def _of_service(catalogue: Catalogue, role: str) -> Sequence[Grant]:
    reads = {topic.name for topic in may_read(catalogue, role)}
    writes = {topic.name for topic in may_write(catalogue, role)}
    purges = {topic.name for topic in sealed_topics(catalogue)} if role == "keeper" else set()
    grants = [
        Grant(
            Resource.TOPIC,
            topic.name,
            [
                operation
                for operation, granted in (
                    (Operation.READ, topic.name in reads),
                    (Operation.WRITE, topic.name in writes),
                    # Kafka asks for Delete where records are deleted. It would allow to delete the topic, too: the broker's
                    # delete.topic.enable=false forbids that to everybody.
                    (Operation.DELETE, topic.name in purges),
                    (Operation.DESCRIBE, True),
                )
                if granted
            ],
        )
        for topic in catalogue.topics
        if topic.name in reads | writes | purges
    ]
    group = _GROUPS.get(role)
    if group is not None:
        name = f"{catalogue.prefix}{group}"
        grants.append(Grant(Resource.GROUP, name, [Operation.READ, Operation.DESCRIBE]))
    if reads:
        grants.append(_reader(catalogue, role))
    return grants


def _reader(catalogue: Catalogue, role: str) -> Grant:
    """Readers join no group, but the client asks where its coordinator would be."""
    return Grant(Resource.GROUP, f"{catalogue.prefix}{role}-reader", [Operation.DESCRIBE])


def _of_topics_job(catalogue: Catalogue) -> Sequence[Grant]:
    operations = [Operation.CREATE, Operation.DESCRIBE]
    return [Grant(Resource.TOPIC, catalogue.prefix, operations, Pattern.PREFIXED)]


def _of_monitor(catalogue: Catalogue) -> Sequence[Grant]:
    seen = [Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS]
    return [
        Grant(Resource.TOPIC, catalogue.prefix, seen, Pattern.PREFIXED),
        Grant(Resource.GROUP, catalogue.prefix, [Operation.DESCRIBE], Pattern.PREFIXED),
        Grant(Resource.CLUSTER, "kafka-cluster", seen),
    ]


def _of_auditor(catalogue: Catalogue) -> Sequence[Grant]:
    reading = [Operation.READ, Operation.DESCRIBE]
    return [
        *(Grant(Resource.TOPIC, topic.name, reading) for topic in catalogue.topics),
        # The auditor's tool is the command line.
        _reader(catalogue, "cli"),
    ]


def _of_consumer(catalogue: Catalogue) -> Sequence[Grant]:
    (alerts,) = [topic for topic in catalogue.topics if topic.entry.topic == "alerts"]
    reading = [Operation.READ, Operation.DESCRIBE]
    return [
        Grant(Resource.TOPIC, alerts.name, reading),
        Grant(Resource.GROUP, CONSUMER, reading, Pattern.PREFIXED),
    ]
