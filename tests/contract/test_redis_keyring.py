"""What is particular to the keyring on Redis: restarts, refusals, settings, what it leaks (nothing)."""

import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from lookout.events import ErasureReason
from lookout.sealing.keyring import KeyringAddress, RedisKeyring
from lookout.sealing.ports import BlockClosedError, Destruction, KeyringUnavailableError
from lookout_cli.local.keyring import LocalKeyring
from support.keyrings import issuer_over
from support.redis_node import connected, running_keyring

pytestmark = pytest.mark.redis

TTL = timedelta(minutes=1)
AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LocalKeyring]:
    with running_keyring(tmp_path / "keyring") as started:
        yield started


@pytest.fixture
def keyring(node: LocalKeyring) -> Iterator[RedisKeyring]:
    with connected(node) as client:
        yield client


@pytest.fixture
def server(node: LocalKeyring) -> Iterator[redis.Redis]:
    client = redis.Redis(unix_socket_path=str(node.socket_path))
    yield client
    client.close()


def _tell(server: redis.Redis, *words: str) -> None:
    execute: Callable[..., object] = server.execute_command
    execute(*words)


def _open(keyring: RedisKeyring) -> None:
    keyring.open_block(block_id="b1", deployment_id="d1", service="capture", count=1000)


def _order(key_id: str) -> Destruction:
    return Destruction(
        key_id=key_id, reason=ErasureReason.NO_MATCH, deployment_id="d1", captured_at=None
    )


def test_a_restarted_keyring_serves_again_with_its_keys_gone(
    node: LocalKeyring, keyring: RedisKeyring
) -> None:
    _open(keyring)
    keyring.make("b1", 2, TTL)
    node.kill()
    with pytest.raises(KeyringUnavailableError, match="does not answer"):
        keyring.get(["b1:0"])

    node.start()

    assert list(keyring.get(["b1:0"])) == [None]
    with pytest.raises(BlockClosedError):
        keyring.make("b1", 1, TTL)
    _open(keyring)
    assert len(keyring.make("b1", 1, TTL)) == 1


def test_scripts_forgotten_by_the_server_are_sent_again(
    keyring: RedisKeyring, server: redis.Redis
) -> None:
    _open(keyring)
    server.script_flush()

    assert len(keyring.make("b1", 1, TTL)) == 1


def test_an_issuer_goes_on_with_a_new_block_after_a_restart(
    node: LocalKeyring, keyring: RedisKeyring
) -> None:
    issuer = issuer_over(keyring)
    (before,) = issuer.make("d1", 1)
    node.kill()
    node.start()

    (after,) = issuer.make("d1", 1)

    assert after.key_id.split(":")[0] != before.key_id.split(":")[0]
    assert list(keyring.get([before.key_id, after.key_id])) == [None, after]


def test_a_drop_meant_for_an_earlier_life_takes_nothing(
    node: LocalKeyring, keyring: RedisKeyring
) -> None:
    def destroy_two() -> None:
        _open(keyring)
        keyring.destroy([_order(key.key_id) for key in keyring.make("b1", 2, TTL)], by="m", at=AT)

    destroy_two()
    before = keyring.pending_receipts(10)
    node.kill()
    node.start()
    destroy_two()

    keyring.drop_pending(before[-1].ordinal)

    assert len(keyring.pending_receipts(10)) == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("save", "3600 1"),
        ("appendonly", "yes"),
        ("maxmemory-policy", "allkeys-lru"),
        ("slowlog-log-slower-than", "0"),
    ],
)
def test_a_setting_that_could_leak_or_lose_keys_fails_the_check(
    keyring: RedisKeyring, server: redis.Redis, setting: str, value: str
) -> None:
    server.config_set(setting, value)

    with pytest.raises(KeyringUnavailableError, match=setting):
        keyring.check()


def test_a_replica_fails_the_check(
    keyring: RedisKeyring, server: redis.Redis, tmp_path: Path
) -> None:
    _tell(server, "REPLICAOF", "127.0.0.1", "1")

    with pytest.raises(KeyringUnavailableError, match="replicas"):
        keyring.check()


def test_a_user_who_may_not_see_the_settings_fails_the_check_and_is_told_what_to_grant(
    node: LocalKeyring, server: redis.Redis
) -> None:
    _tell(server, "ACL", "SETUSER", "svc", "on", ">pw", "~lk:*", "+@all", "-config")
    address = KeyringAddress(url=node.url, username="svc", password="pw")
    restricted = RedisKeyring(address)

    with pytest.raises(KeyringUnavailableError, match=r"\+config\|get"):
        restricted.check()
    restricted.disconnect()


def test_a_wrong_password_is_said_without_the_password(
    node: LocalKeyring, server: redis.Redis
) -> None:
    address = KeyringAddress(url=node.url, username="svc", password="top-secret")
    intruder = RedisKeyring(address)

    with pytest.raises(KeyringUnavailableError, match="password is wrong") as caught:
        intruder.held()
    assert "top-secret" not in str(caught.value) + repr(address)
    intruder.disconnect()


def test_a_full_keyring_makes_no_key_but_still_destroys_closes_and_is_drained(
    keyring: RedisKeyring, server: redis.Redis
) -> None:
    _open(keyring)
    keyring.make("b1", 2, TTL)
    server.config_set("maxmemory", 1)

    with pytest.raises(KeyringUnavailableError, match="full"):
        keyring.make("b1", 1, TTL)
    assert keyring.destroy([_order("b1:0")], by="m", at=AT) == 1
    keyring.close_block("b1", by="m", at=AT)

    pending = keyring.pending_receipts(10)
    assert [entry.receipt.count for entry in pending] == [1, 998]
    keyring.drop_pending(pending[-1].ordinal)
    assert list(keyring.pending_receipts(10)) == []
    assert keyring.held() == 1
    (state,) = keyring.blocks()
    assert (state.made, state.closed) == (2, True)


def test_a_refused_command_does_not_show_its_arguments(
    keyring: RedisKeyring, server: redis.Redis
) -> None:
    _open(keyring)
    _tell(server, "ACL", "SETUSER", "default", "-eval", "-evalsha")

    with pytest.raises(KeyringUnavailableError) as caught:
        keyring.make("b1", 1, TTL)

    assert caught.value.__suppress_context__
    assert "b1" not in str(caught.value)


def test_nothing_in_the_keyring_s_folder_holds_a_key(
    node: LocalKeyring, keyring: RedisKeyring, tmp_path: Path
) -> None:
    _open(keyring)
    keys = keyring.make("b1", 50, TTL)
    node.stop()

    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert stored
    assert not [key.key_id for key in keys if key.secret in stored]


def test_the_local_keyring_is_for_its_user_alone(node: LocalKeyring) -> None:
    assert stat.S_IMODE(node.socket_path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(node.socket_path.stat().st_mode) == 0o700
    limits = Path(f"/proc/{node.pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


def test_a_path_too_long_for_a_socket_is_worked_around(tmp_path: Path) -> None:
    with running_keyring(tmp_path / ("x" * 120)) as node, connected(node) as client:
        client.check()
        place = node.socket_path.parent
        assert len(os.fsencode(node.socket_path)) <= 107
    assert not place.exists()


def test_starting_twice_keeps_the_server_and_stopping_ends_it(node: LocalKeyring) -> None:
    pid = node.pid
    node.start()
    assert node.pid == pid

    node.stop()
    node.stop()

    assert node.pid is None
    assert not node.socket_path.exists()


def test_the_keyring_tells_its_time(node: LocalKeyring) -> None:
    with connected(node) as client:
        before = datetime.now(UTC)
        told = client.time()
        assert before - timedelta(seconds=1) < told < datetime.now(UTC) + timedelta(seconds=1)


def test_a_keyring_that_hangs_is_given_up_within_its_time_out(node: LocalKeyring) -> None:
    assert node.pid is not None
    with connected(node, timeout=timedelta(seconds=0.2)) as client:
        client.time()
        os.kill(node.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(KeyringUnavailableError, match="does not answer"):
                client.time()
            assert time.monotonic() - began < 1
        finally:
            os.kill(node.pid, signal.SIGCONT)
        client.time()
