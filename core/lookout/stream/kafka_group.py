"""Who is in a consumer group, as the broker tells."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._group import ConsumerGroupDescription


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """The names of a group's members, asked and perhaps not answered yet; see `lookout.stream.membership.Answer`."""

    future: "Future[ConsumerGroupDescription]"

    @classmethod
    def asked_of(cls, admin: AdminClient, group: str, timeout_s: float) -> "GroupMembers":
        """Ask, and return at once. Needs the right to describe the group, which the right to read in it includes."""
        (future,) = admin.describe_consumer_groups([group], request_timeout=timeout_s).values()
        return cls(future)

    def done(self) -> bool:
        """Whether there is an answer, or an error in its place."""
        return self.future.done()

    def result(self) -> Sequence[str]:
        """Each member's id, and its instance id where it has one. Raises `KafkaException`."""
        try:
            members = self.future.result().members
        except KafkaException as error:
            # A group without members is forgotten by newer brokers.
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return []
            raise
        return [name for one in members for name in (one.member_id, one.group_instance_id) if name]
