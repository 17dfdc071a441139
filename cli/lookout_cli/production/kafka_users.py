"""Users of a cluster with SCRAM passwords, made by its administrator out of files."""

from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)
from lookout.hosting.settings import secret_of
from lookout.stream.kafka import KafkaSettings
from lookout.stream.ports import StreamError

from lookout_cli.production.acls import AclError, Principal

_ITERATIONS = 8192


def make_users(settings: KafkaSettings, principals: Sequence[Principal], folder: Path) -> int:
    """Give each principal the SCRAM-SHA-512 password in ``folder/ROLE.password``, new or anew; how many.

    Raises:
        AclError: a file is missing or empty; nobody was given a password then.
        StreamError: the cluster does not answer, or these credentials may not do this.
    """
    orders: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(
            principal.user,
            ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS),
            _password(folder / f"{principal.role}.password").encode(),
        )
        for principal in principals
    ]
    admin = AdminClient(dict(settings.client()))
    try:
        answers = admin.alter_user_scram_credentials(
            orders, request_timeout=settings.request_timeout_s
        )
        for answer in answers.values():
            answer.result(settings.request_timeout_s)
    except KafkaException as error:
        raise StreamError(f"users cannot be made: {error.args[0]}") from None
    return len(orders)


def _password(path: Path) -> str:
    if not path.is_file() or not (password := secret_of(path)):
        raise AclError(f"no password in {path}: write one there, a line, readable by you alone")
    return password
