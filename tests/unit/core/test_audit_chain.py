"""The audit's chain: what was altered, left out or put in is found; what came twice is not mistaken for it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from lookout.audit import entry_hash, first_break
from support.audit_chain import a_chain

_FIELDS = ("deployment_id", "actor", "action", "subject", "reason")


_REASONS = st.lists(st.text(max_size=30), min_size=1, max_size=12)


@given(_REASONS)
def test_a_chain_as_it_was_written_holds(reasons: list[str]) -> None:
    assert first_break(a_chain(reasons)) is None


@given(_REASONS, st.data())
def test_a_changed_field_breaks_the_chain_where_it_is(
    reasons: list[str], data: st.DataObject
) -> None:
    chain = a_chain(reasons)
    at = data.draw(st.integers(0, len(chain) - 1))
    name = data.draw(st.sampled_from(_FIELDS))
    old = getattr(chain[at], name)
    new = data.draw(st.text(max_size=30).filter(lambda text: text != old))
    chain[at] = replace(chain[at], **{name: new})  # type: ignore[arg-type]  # the drawn field is a text
    assert first_break(chain) == at + 1


@given(_REASONS, st.data())
def test_an_entry_rewritten_with_its_hash_breaks_the_chain_at_the_next(
    reasons: list[str], data: st.DataObject
) -> None:
    chain = a_chain([*reasons, "the last"])
    at = data.draw(st.integers(0, len(chain) - 2))
    altered = replace(chain[at], actor="somebody else")
    chain[at] = replace(altered, entry_hash=entry_hash(altered))
    assert first_break(chain) == at + 2


@given(_REASONS, st.data())
def test_an_entry_left_out_breaks_the_chain(reasons: list[str], data: st.DataObject) -> None:
    chain = a_chain([*reasons, "the last"])
    at = data.draw(st.integers(0, len(chain) - 2))
    del chain[at]
    assert first_break(chain) == at + 1


@given(_REASONS, st.data())
def test_an_entry_published_twice_breaks_nothing(reasons: list[str], data: st.DataObject) -> None:
    chain = a_chain(reasons)
    at = data.draw(st.integers(0, len(chain) - 1))
    later = data.draw(st.integers(at + 1, len(chain)))
    assert first_break([*chain[:later], chain[at], *chain[later:]]) is None


def test_two_histories_in_one_topic_are_found() -> None:
    ours, theirs = a_chain(["one", "two"]), a_chain(["one", "another two"])
    assert first_break([*ours, theirs[1]]) == 2


def test_fields_cannot_be_shifted_into_each_other() -> None:
    (entry,) = a_chain(["x"])
    shifted = replace(entry, actor="a", action="1alert.view")
    assert entry_hash(shifted) != entry_hash(entry)
