"""What tests of matching ask of an outcome."""

from lookout.events import Embedding, Match
from lookout.stream.processor import Delivery, Outcome


def fates(outcome: Outcome) -> list[tuple[str, str]]:
    """Key id and reason of every key that the outcome destroys, dead letters' included."""
    orders = [*outcome.destroy, *(order for r in outcome.reject for order in r.keys)]
    return [(order.key_id, order.reason.value) for order in orders]


def key_of(delivery: Delivery[Embedding]) -> str:
    return delivery.event.template.key_id


def matches(outcome: Outcome) -> list[Match]:
    return [event for event in outcome.produce if isinstance(event, Match)]
