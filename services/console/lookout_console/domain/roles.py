"""Who may do what: seven roles and one table, read by every page, every route of the API, and their tests."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a person is on a shift. A person may hold several; separation of duties goes by person, not by role."""

    WATCHLIST_OFFICER = "watchlist_officer"
    AUTHORISING_OFFICER = "authorising_officer"
    COMMANDER = "commander"
    LFR_OPERATOR = "lfr_operator"
    ENGAGEMENT_OFFICER = "engagement_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """What can be done, as finely as roles differ."""

    SEE_SHIFT = "see_shift"
    STOP = "stop"
    SEE_DEPLOYMENTS = "see_deployments"
    APPLY = "apply"
    AUTHORISE = "authorise"
    COMMAND = "command"
    REVIEW = "review"
    PURGE = "purge"
    SEE_WATCHLIST = "see_watchlist"
    SEE_NAMES = "see_names"
    COMPOSE_WATCHLIST = "compose_watchlist"
    WITHDRAW_ENTRY = "withdraw_entry"
    SEE_ALERTS = "see_alerts"
    SEE_SCORE = "see_score"
    ADJUDICATE = "adjudicate"
    ENGAGE = "engage"
    HOLD_EVIDENCE = "hold_evidence"
    USE_HANDSET = "use_handset"
    WIPE_HANDSET = "wipe_handset"
    SEND_MESSAGES = "send_messages"
    CHECK = "check"
    SEE_RECORD = "see_record"
    EXPORT_RECORD = "export_record"
    SEE_AUDIT = "see_audit"
    ASK_MEMBERSHIP = "ask_membership"
    KEEP_ACCOUNTS = "keep_accounts"
    KEEP_TOKENS = "keep_tokens"


_EVERYBODY: Final = frozenset(Role)
_ON_SHIFT: Final = frozenset({Role.COMMANDER, Role.LFR_OPERATOR, Role.ENGAGEMENT_OFFICER})
_ANSWERABLE: Final = frozenset({Role.COMMANDER, Role.AUTHORISING_OFFICER, Role.AUDITOR})

ALLOWED: Final[Mapping[Permission, frozenset[Role]]] = {
    Permission.SEE_SHIFT: _EVERYBODY,
    Permission.STOP: frozenset({Role.COMMANDER, Role.AUTHORISING_OFFICER}),
    Permission.SEE_DEPLOYMENTS: _EVERYBODY - {Role.ENGAGEMENT_OFFICER, Role.ADMINISTRATOR},
    Permission.APPLY: frozenset({Role.COMMANDER, Role.WATCHLIST_OFFICER}),
    Permission.AUTHORISE: frozenset({Role.AUTHORISING_OFFICER}),
    Permission.COMMAND: frozenset({Role.COMMANDER}),
    Permission.REVIEW: frozenset({Role.COMMANDER, Role.AUTHORISING_OFFICER}),
    Permission.PURGE: frozenset({Role.AUTHORISING_OFFICER}),
    Permission.SEE_WATCHLIST: frozenset(
        {Role.WATCHLIST_OFFICER, Role.AUTHORISING_OFFICER, Role.COMMANDER}
    ),
    # On a list, who composes and who signs it; on an alert, who goes and asks the person: faces are compared without a name.
    Permission.SEE_NAMES: frozenset(
        {Role.WATCHLIST_OFFICER, Role.AUTHORISING_OFFICER, Role.ENGAGEMENT_OFFICER}
    ),
    Permission.COMPOSE_WATCHLIST: frozenset({Role.WATCHLIST_OFFICER}),
    Permission.WITHDRAW_ENTRY: frozenset(
        {Role.WATCHLIST_OFFICER, Role.AUTHORISING_OFFICER, Role.COMMANDER}
    ),
    Permission.SEE_ALERTS: _ON_SHIFT,
    Permission.SEE_SCORE: frozenset({Role.LFR_OPERATOR, Role.COMMANDER}),
    Permission.ADJUDICATE: frozenset({Role.LFR_OPERATOR, Role.ENGAGEMENT_OFFICER}),
    Permission.ENGAGE: frozenset({Role.ENGAGEMENT_OFFICER}),
    Permission.HOLD_EVIDENCE: frozenset({Role.AUTHORISING_OFFICER}),
    Permission.USE_HANDSET: frozenset({Role.ENGAGEMENT_OFFICER}),
    Permission.WIPE_HANDSET: frozenset({Role.LFR_OPERATOR, Role.COMMANDER, Role.ADMINISTRATOR}),
    Permission.SEND_MESSAGES: _ON_SHIFT,
    Permission.CHECK: frozenset({Role.LFR_OPERATOR, Role.COMMANDER}),
    Permission.SEE_RECORD: _ANSWERABLE | {Role.LFR_OPERATOR},
    Permission.EXPORT_RECORD: _ANSWERABLE,
    Permission.SEE_AUDIT: frozenset({Role.AUDITOR}),
    Permission.ASK_MEMBERSHIP: frozenset({Role.AUDITOR}),
    Permission.KEEP_ACCOUNTS: frozenset({Role.ADMINISTRATOR}),
    Permission.KEEP_TOKENS: _EVERYBODY,
}
"""The one permission table. What is not named here is allowed to nobody."""


def allowed(roles: Iterable[Role], permission: Permission) -> bool:
    """Whether one of the roles includes the permission."""
    return not ALLOWED[permission].isdisjoint(roles)
