from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout_console.accounts.rules import (
    BadNameError,
    LockoutRules,
    SessionRules,
    WeakPasswordError,
    check_password,
    sign_in_name,
)

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def test_a_session_ends_after_it_was_idle_and_at_the_latest_after_its_absolute_length() -> None:
    rules = SessionRules(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
    assert rules.ends_at(started_at=NOW, seen_at=NOW) == NOW + timedelta(minutes=30)
    busy = NOW + timedelta(hours=11, minutes=50)
    assert rules.ends_at(started_at=NOW, seen_at=busy) == NOW + timedelta(hours=12)


def test_the_first_wrong_passwords_cost_nothing_and_each_further_one_doubles_the_wait() -> None:
    rules = LockoutRules(free=4, first=timedelta(seconds=15), longest=timedelta(minutes=15))
    waits = [rules.locked_until(failures=n, now=NOW) for n in range(1, 12)]
    assert waits[:4] == [None] * 4
    seconds = [int((wait - NOW).total_seconds()) for wait in waits[4:] if wait is not None]
    assert seconds == [15, 30, 60, 120, 240, 480, 900]


@given(failures=st.integers(min_value=0, max_value=10**9))
def test_no_number_of_wrong_passwords_waits_longer_than_the_longest(failures: int) -> None:
    until = LockoutRules().locked_until(failures=failures, now=NOW)
    assert until is None or until - NOW <= LockoutRules().longest


@pytest.mark.parametrize(
    "written", ["", "   ", "a" * 121, "a\nb", "ad\u200bmin", "\u202enimda", "a\x00"]
)
def test_a_name_that_could_be_taken_for_another_is_refused(written: str) -> None:
    with pytest.raises(BadNameError):
        sign_in_name(written)


def test_names_are_compared_in_one_form() -> None:
    assert sign_in_name(" \uff21lex ") == sign_in_name("ALEX") == "alex"


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "the-operator-1", "x" * 257])
def test_what_is_quickly_guessed_is_no_password(password: str) -> None:
    with pytest.raises(WeakPasswordError) as refused:
        check_password(password, name="operator")
    assert password not in str(refused.value)
