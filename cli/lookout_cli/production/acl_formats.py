"""Grants in the words of the tools that take them: ``kafka-acls.sh``, Strimzi's ``KafkaUser``, JSON. Pure."""

import json
import shlex
from collections.abc import Mapping, Sequence

from lookout_cli.production.acls import Grant, Pattern, Principal, Resource
from lookout_cli.production.strimzi import Labels, as_yaml

_STRIMZI_PATTERN = {Pattern.LITERAL: "literal", Pattern.PREFIXED: "prefix"}
_AUTHENTICATION = {"scram": "scram-sha-512", "mtls": "tls"}


def as_commands(principals: Sequence[Principal], *, bootstrap: str, admin_file: str) -> str:
    """A shell script of ``kafka-acls.sh`` calls; ``admin_file`` holds the administrator's client properties."""
    lines = ["#!/bin/sh", "# Rights of Lookout's principals, from its topic catalogue.", "set -eu"]
    for principal in principals:
        lines.append(f"# {principal.user}: {principal.purpose}")
        lines += [_command(principal, grant, bootstrap, admin_file) for grant in principal.grants]
    return "\n".join(lines) + "\n"


def _command(principal: Principal, grant: Grant, bootstrap: str, admin_file: str) -> str:
    words = ["kafka-acls.sh", "--bootstrap-server", bootstrap, "--command-config", admin_file]
    words += ["--add", "--force", "--allow-principal", f"User:{principal.user}"]
    for operation in grant.operations:
        words += ["--operation", operation]
    if grant.resource is Resource.CLUSTER:
        words += ["--cluster"]
    else:
        words += [f"--{grant.resource}", grant.name, "--resource-pattern-type", grant.pattern]
    return shlex.join(words)


def as_users(principals: Sequence[Principal], labels: Labels, *, authentication: str) -> str:
    """Strimzi ``KafkaUser`` documents; ``authentication`` is ``scram`` or ``mtls``."""
    return as_yaml(
        labels.document(
            "KafkaUser",
            principal.user,
            {
                "authentication": {"type": _AUTHENTICATION[authentication]},
                "authorization": {
                    "type": "simple",
                    "acls": [_acl(grant) for grant in principal.grants],
                },
            },
        )
        for principal in principals
    )


def _acl(grant: Grant) -> Mapping[str, object]:
    resource = {"type": str(grant.resource)}
    if grant.resource is not Resource.CLUSTER:
        resource |= {"name": grant.name, "patternType": _STRIMZI_PATTERN[grant.pattern]}
    return {"resource": resource, "operations": [str(operation) for operation in grant.operations]}


def as_json(principals: Sequence[Principal]) -> str:
    """A list of principals, for programs."""
    return json.dumps(
        [
            {
                "role": principal.role,
                "user": principal.user,
                "purpose": principal.purpose,
                "grants": [
                    {
                        "resource": grant.resource,
                        "name": grant.name,
                        "pattern": grant.pattern,
                        "operations": list(grant.operations),
                    }
                    for grant in principal.grants
                ],
            }
            for principal in principals
        ],
        indent=2,
    )
