"""The register and the credentials on a real SQLite store."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from lookout_console.accounts.credentials import Credentials, csrf_of, stored
from lookout_console.accounts.register import Register, new_hasher
from lookout_console.accounts.rules import LockoutRules, SessionRules
from lookout_console.accounts.tables import accounts, sessions, sign_in_links, tokens
from lookout_console.accounts.values import Account, AccountRefusedError, SignInRefusedError
from lookout_console.store.columns import metadata
from sqlalchemy import Engine, create_engine, select
from support.console_accounts import Remembered, Told

PASSWORD = "correct horse battery staple"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Office:
    """Everything about accounts, on one store."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = Told()
        self.journal = Remembered()
        self.register = Register(
            engine,
            clock=self.clock,
            journal=self.journal,
            lockout=LockoutRules(free=2, first=timedelta(seconds=10)),
            hasher=CHEAP,
        )
        self.credentials = Credentials(
            engine,
            clock=self.clock,
            journal=self.journal,
            rules=SessionRules(idle=timedelta(minutes=30), absolute=timedelta(hours=12)),
        )

    def officer(self, name: str = "reference-17", role: str = "lfr_operator") -> Account:
        return self.register.add(
            name=name,
            shown="Officer 17",
            roles=[role],
            password=PASSWORD,
            by="admin",
            reason="test",
        )


@pytest.fixture(name="office")
def office_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('store')}/console.db")
    metadata.create_all(engine)
    yield Office(engine)
    engine.dispose()


def test_the_hash_that_is_kept_is_argon2id_with_the_stated_cost() -> None:
    kept = new_hasher().hash(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_no_secret_is_kept_readably(office: Office) -> None:
    officer = office.officer(role="auditor")
    cookie = office.credentials.start_session(officer.account_id)
    link = office.credentials.make_link(officer.account_id, by="admin", reason="first sign-in")
    _, token = office.credentials.make_token(
        label="case system",
        role="auditor",
        lives=timedelta(days=1),
        by=officer,
        reason="reads records",
    )
    with office.engine.connect() as connection:
        kept = repr(
            [
                connection.execute(select(table)).all()
                for table in (accounts, sessions, sign_in_links, tokens)
            ]
        )
    for secret in (PASSWORD, cookie, link, token):
        assert secret not in kept
    assert stored(cookie) in kept


def test_the_right_password_signs_in_and_is_in_the_journal(office: Office) -> None:
    officer = office.officer()
    assert office.register.sign_in(" REFERENCE-17 ", PASSWORD) == officer
    assert (officer.account_id, "account.signed_in", officer.account_id) in office.journal.entries


def test_nobody_learns_from_the_answer_whether_an_account_exists(office: Office) -> None:
    office.officer()
    with pytest.raises(SignInRefusedError) as wrong:
        office.register.sign_in("reference-17", "not the password")
    with pytest.raises(SignInRefusedError) as unknown:
        office.register.sign_in("reference-99", "not the password")
    assert str(wrong.value) == str(unknown.value)


def test_too_many_wrong_passwords_lock_the_account_even_against_the_right_one(
    office: Office,
) -> None:
    office.officer()
    for _ in range(3):
        with pytest.raises(SignInRefusedError):
            office.register.sign_in("reference-17", "not the password")
    with pytest.raises(SignInRefusedError) as locked:
        office.register.sign_in("reference-17", PASSWORD)
    assert locked.value.wait_s == 11
    office.clock.later(seconds=11)
    assert office.register.sign_in("reference-17", PASSWORD).name == "reference-17"


def test_a_session_ends_by_being_idle_by_its_age_and_by_a_disabled_account(office: Office) -> None:
    officer = office.officer()
    idle = office.credentials.start_session(officer.account_id)
    office.clock.later(minutes=30)
    assert office.credentials.session(idle, touch=True) is None
    used = office.credentials.start_session(officer.account_id)
    for _ in range(24):
        office.clock.later(minutes=29.9)
        assert office.credentials.session(used, touch=True) is not None
    office.clock.later(minutes=29.9)
    assert office.credentials.session(used, touch=True) is None
    last = office.credentials.start_session(officer.account_id)
    office.register.disable(officer.account_id, by="admin", reason="left the unit")
    assert office.credentials.session(last, touch=True) is None


def test_looking_without_touching_does_not_prolong_a_session(office: Office) -> None:
    cookie = office.credentials.start_session(office.officer().account_id)
    for _ in range(3):
        office.clock.later(minutes=9)
        assert office.credentials.session(cookie, touch=False) is not None
    office.clock.later(minutes=3)
    assert office.credentials.session(cookie, touch=False) is None


def test_other_roles_hold_from_now_on_since_every_session_ends(office: Office) -> None:
    officer = office.officer()
    cookie = office.credentials.start_session(officer.account_id)
    office.register.change_roles(officer.account_id, ["auditor"], by="admin", reason="moved")
    assert office.credentials.session(cookie, touch=False) is None
    changed = office.register.get(officer.account_id)
    assert changed is not None
    assert changed.roles == {"auditor"}


def test_nobody_changes_their_own_account(office: Office) -> None:
    officer = office.officer(role="administrator")
    with pytest.raises(AccountRefusedError):
        office.register.change_roles(
            officer.account_id, ["commander"], by=officer.account_id, reason="why not"
        )
    with pytest.raises(AccountRefusedError):
        office.register.disable(officer.account_id, by=officer.account_id, reason="why not")


def test_a_link_signs_in_once_and_only_while_it_is_young(office: Office) -> None:
    officer = office.officer()
    link = office.credentials.make_link(officer.account_id, by="admin", reason="first sign-in")
    assert office.credentials.use_link(link) == officer
    with pytest.raises(SignInRefusedError):
        office.credentials.use_link(link)
    late = office.credentials.make_link(officer.account_id, by="admin", reason="first sign-in")
    office.clock.later(minutes=15)
    with pytest.raises(SignInRefusedError):
        office.credentials.use_link(late)


def test_a_token_ends_by_age_and_by_being_revoked(office: Office) -> None:
    officer = office.officer(role="auditor")
    made, secret = office.credentials.make_token(
        label="x", role="auditor", lives=timedelta(days=1), by=officer, reason="reads"
    )
    found = office.credentials.token(secret)
    assert found is not None
    assert (found.role, found.token_id) == ("auditor", made.token_id)
    with pytest.raises(AccountRefusedError):
        office.credentials.revoke_own_token(made.token_id, by="another", reason="not theirs")
    assert office.credentials.token(secret) is not None
    office.credentials.revoke_own_token(
        made.token_id, by=officer.account_id, reason="no longer needed"
    )
    assert office.credentials.token(secret) is None
    _, other = office.credentials.make_token(
        label="y", role="auditor", lives=timedelta(days=1), by=officer, reason="reads"
    )
    office.clock.later(days=1)
    assert office.credentials.token(other) is None


def test_a_token_has_no_role_that_its_maker_lacks_or_loses(office: Office) -> None:
    officer = office.officer(role="auditor")
    with pytest.raises(AccountRefusedError, match="own roles"):
        office.credentials.make_token(
            label="x", role="commander", lives=timedelta(days=1), by=officer, reason="more"
        )
    _, secret = office.credentials.make_token(
        label="x", role="auditor", lives=timedelta(days=1), by=officer, reason="reads"
    )
    office.register.change_roles(officer.account_id, ["commander"], by="admin", reason="moved")
    assert office.credentials.token(secret) is None


def test_a_change_that_cannot_be_recorded_does_not_happen(office: Office) -> None:
    officer = office.officer()
    office.journal.broken = True
    with pytest.raises(OSError, match="audit"):
        office.register.change_roles(officer.account_id, ["auditor"], by="admin", reason="moved")
    with pytest.raises(OSError, match="audit"):
        office.officer(name="reference-18")
    office.journal.broken = False
    assert [account.roles for account in office.register.all()] == [{"lfr_operator"}]


def test_two_accounts_cannot_look_alike(office: Office) -> None:
    office.officer()
    with pytest.raises(AccountRefusedError, match="taken"):
        office.officer(name="Reference-17")


def test_the_word_of_a_form_is_another_for_every_session() -> None:
    assert csrf_of("one") != csrf_of("two")
    assert len(csrf_of("one")) == 64
