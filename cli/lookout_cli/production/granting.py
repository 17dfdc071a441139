"""Grants given on a real cluster, by its administrator's credentials."""

from collections.abc import Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from lookout.stream.kafka import KafkaSettings
from lookout.stream.ports import StreamError

from lookout_cli.production.acls import Grant, Operation, Pattern, Principal, Resource

_RESOURCES = {
    Resource.TOPIC: ResourceType.TOPIC,
    Resource.GROUP: ResourceType.GROUP,
    Resource.CLUSTER: ResourceType.BROKER,
}
_PATTERNS = {
    Pattern.LITERAL: ResourcePatternType.LITERAL,
    Pattern.PREFIXED: ResourcePatternType.PREFIXED,
}
_OPERATIONS = {
    Operation.READ: AclOperation.READ,
    Operation.WRITE: AclOperation.WRITE,
    Operation.CREATE: AclOperation.CREATE,
    Operation.DELETE: AclOperation.DELETE,
    Operation.DESCRIBE: AclOperation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS: AclOperation.DESCRIBE_CONFIGS,
}


def grant_all(settings: KafkaSettings, principals: Sequence[Principal]) -> int:
    """Give every principal its grants; how many rights. Those that are there already stay, and none is taken away.

    Raises:
        StreamError: the cluster does not answer, has no authorizer, or these credentials may not do this.
    """
    wanted = [binding for principal in principals for binding in bindings(principal)]
    admin = AdminClient(dict(settings.client()))
    try:
        for answer in admin.create_acls(
            wanted, request_timeout=settings.request_timeout_s
        ).values():
            answer.result(settings.request_timeout_s)
    except KafkaException as error:
        raise StreamError(f"rights cannot be granted: {error.args[0]}") from error
    return len(wanted)


def bindings(principal: Principal) -> Sequence[AclBinding]:
    """A principal's grants in the library's type."""
    return [binding for grant in principal.grants for binding in _bindings(principal, grant)]


def _bindings(principal: Principal, grant: Grant) -> Sequence[AclBinding]:
    return [
        AclBinding(
            _RESOURCES[grant.resource],
            grant.name,
            _PATTERNS[grant.pattern],
            f"User:{principal.user}",
            "*",
            _OPERATIONS[operation],
            AclPermissionType.ALLOW,
        )
        for operation in grant.operations
    ]
