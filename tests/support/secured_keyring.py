"""A keyring as an installation has it: TLS, a user a service with the rights of its calls, nobody else. Needs Redis 7."""

import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pytest
import redis
from lookout.sealing.keyring import KeyringAddress
from lookout_cli.local.keyring import LocalKeyring
from lookout_cli.local.ports import free_ports
from lookout_cli.production.acls import USER_PREFIX
from lookout_cli.production.keyring_acls import CALLS, acl_file
from support.certificates import Authority


def require_server() -> str:
    """The path of a server that knows selectors and TLS; skips the test where there is none."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
            if not any(f"v={old}." in told.stdout for old in (4, 5, 6)):
                return found
    pytest.skip("no Redis 7 or Valkey on PATH: install Debian's redis-server")


class SecuredKeyring(LocalKeyring):
    """Listens on the loopback, TLS alone, for users with passwords."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self._binary = require_server()
        self._secrets = folder
        self._authority = authority
        (self._port,) = free_ports(1)
        super().__init__(folder)
        passwords = {role: secrets.token_hex(16) for role in CALLS}
        for role, password in passwords.items():
            path = self.password_file(role)
            path.touch(mode=0o600)
            path.write_text(f"{password}\n")
        (folder / "users.acl").write_text(acl_file(passwords))

    @property
    def url(self) -> str:
        """See `LocalKeyring`."""
        return f"rediss://127.0.0.1:{self._port}"

    def password_file(self, role: str) -> Path:
        """Where a role's password lies."""
        return self._secrets / f"{role}.password"

    def address(self, role: str) -> KeyringAddress:
        """A role's way in."""
        return KeyringAddress(
            url=self.url,
            username=f"{USER_PREFIX}{role}",
            password=self.password_file(role).read_text().strip(),
            ca_file=self._authority.ca_file,
        )

    def client(self, role: str) -> redis.Redis:
        """A client that can ask for anything, in a role's name."""
        address = self.address(role)
        return redis.Redis(
            host="127.0.0.1",
            port=self._port,
            ssl=True,
            ssl_ca_certs=str(address.ca_file),
            username=address.username,
            password=address.password,
        )

    def environment(self, role: str) -> Mapping[str, str]:
        """The same for a service's process, secrets by file."""
        return {
            "LOOKOUT_KEYRING_URL": self.url,
            "LOOKOUT_KEYRING_USERNAME": f"{USER_PREFIX}{role}",
            "LOOKOUT_KEYRING_PASSWORD_FILE": str(self.password_file(role)),
            "LOOKOUT_KEYRING_CA_FILE": str(self._authority.ca_file),
        }

    def _spawn(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        certificate, key = self._authority.issue("keyring")
        arguments = [
            self._binary,
            *("--port", "0"),
            *("--tls-port", str(self._port)),
            *("--bind", "127.0.0.1"),
            *("--tls-cert-file", str(certificate)),
            *("--tls-key-file", str(key)),
            *("--tls-ca-cert-file", str(self._authority.ca_file)),
            *("--tls-auth-clients", "no"),
            *("--aclfile", str(self._secrets / "users.acl")),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--maxmemory-policy", "noeviction"),
            *("--slowlog-log-slower-than", "-1"),
            *("--dir", str(self._secrets)),
        ]
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _answers(self) -> bool:
        try:
            return bool(self.client("keeper").ping())
        except redis.RedisError:
            return False
