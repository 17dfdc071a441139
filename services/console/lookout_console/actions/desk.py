"""What every action stands on: the store, the audit, the vault, the clock, and who is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lookout.events import Sealed
from lookout.sealing.envelope import open_sealed, seal
from lookout.sealing.ports import Vault
from sqlalchemy import Connection

from lookout_console.actions.ports import Changed, Control
from lookout_console.domain.errors import NotAllowedError
from lookout_console.domain.roles import Permission, Role, allowed
from lookout_console.store.audit import Audit
from lookout_console.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person who acts."""

    account_id: str
    shown: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Shared by all actions."""

    store: Store
    audit: Audit
    vault: Vault
    control: Control
    clock: Callable[[], datetime]
    changed: Changed

    def require(self, actor: Actor, permission: Permission) -> None:
        """Raise `NotAllowedError` unless a role of the actor's includes the permission. Pages ask too; this decides."""
        if not allowed(actor.roles, permission):
            raise NotAllowedError("Your role does not include this.")

    def record(
        self,
        connection: Connection,
        actor: Actor,
        action: str,
        subject: str,
        reason: str = "",
        *,
        deployment_id: str = "",
    ) -> None:
        """An audit entry in the transaction of what it records."""
        self.audit.record(
            connection,
            actor=actor.account_id,
            action=action,
            subject=subject,
            reason=reason,
            deployment_id=deployment_id,
        )

    def seal(self, key_name: str, content: Any, *, what: str, whose: str) -> bytes:
        """``content`` as JSON, or bytes, sealed under a key of the vault."""
        plain = content if isinstance(content, bytes) else json.dumps(content).encode()
        sealed = seal(self.vault.get_or_create(key_name), plain, what=what, whose=whose)
        return sealed.nonce + sealed.ciphertext

    def open(self, key_name: str, sealed: bytes, *, what: str, whose: str) -> bytes:
        """What was sealed. Raises `KeyGoneError` once its key is destroyed."""
        envelope = Sealed(key_id=key_name, nonce=sealed[:12], ciphertext=sealed[12:])
        return open_sealed(self.vault.get(key_name), envelope, what=what, whose=whose)
