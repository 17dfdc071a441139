"""Each service's user in a real keyring: its calls work, and every other call is refused by the server."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from lookout.events import ErasureReason
from lookout.sealing import scripts
from lookout.sealing.keyring import KeyringAddress, RedisKeyring
from lookout.sealing.ports import Destruction, Keyring, KeyringUnavailableError
from lookout_cli.production.keyring_acls import CALLS, Call
from support.certificates import Authority
from support.secured_keyring import SecuredKeyring

pytestmark = pytest.mark.redis

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_KEY = "block:0"
_MINUTE = timedelta(minutes=1)


@pytest.fixture(name="node", scope="module")
def node_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKeyring]:
    folder = tmp_path_factory.mktemp("keyring")
    node = SecuredKeyring(folder / "node", Authority(folder / "certificates"))
    node.start()
    try:
        yield node
    finally:
        node.stop()


def _order() -> Destruction:
    return Destruction(
        key_id=_KEY, reason=ErasureReason.NO_MATCH, captured_at=_AT, deployment_id="d"
    )


_DOING: dict[Call, Callable[[Keyring], object]] = {
    Call.OPEN: lambda k: k.open_block(block_id="block", deployment_id="d", service="s", count=9),
    Call.MAKE: lambda k: k.make("block", 1, _MINUTE),
    Call.GET: lambda k: k.get([_KEY]),
    Call.EXTEND: lambda k: k.extend([_KEY], _MINUTE),
    Call.ALIVE: lambda k: k.alive([_KEY]),
    Call.REMAINING: lambda k: k.remaining([_KEY]),
    Call.HELD: lambda k: k.held(),
    Call.BLOCKS: lambda k: k.blocks(),
    Call.DESTROY: lambda k: k.destroy([_order()], by="s", at=_AT),
    Call.PENDING: lambda k: k.pending_receipts(10),
    Call.DROP: lambda k: k.drop_pending(2**60),
    Call.CLOSE: lambda k: k.close_block("block", by="s", at=_AT),
    Call.BURY: lambda k: k.bury_block("unknown"),
    Call.FORGET: lambda k: k.forget_block("block"),
}


def _refused(keyring: RedisKeyring, call: Call) -> bool:
    told = ""
    try:
        _DOING[call](keyring)
    except KeyringUnavailableError as error:
        told = str(error)
    assert not told or "permission" in told
    return bool(told)


def _prepare(node: SecuredKeyring) -> None:
    """A block with a living key and a receipt, so that every call has something to do."""
    maker = RedisKeyring(node.address("detection"))
    maker.open_block(block_id="block", deployment_id="d", service="s", count=9)
    maker.make("block", 1, _MINUTE)
    maker.disconnect()


def test_every_role_may_make_its_own_calls_and_is_refused_every_other(
    node: SecuredKeyring, figures: Callable[[str, object], None]
) -> None:
    allowances = denials = 0
    for role, own in CALLS.items():
        keyring = RedisKeyring(node.address(role))
        keyring.check()
        assert keyring.time() > _AT
        for call in _DOING:
            _prepare(node)
            assert _refused(keyring, call) == (call not in own), (role, call)
            allowances += call in own
            denials += call not in own
            _tidy(node)
        keyring.disconnect()
    figures("keyring: calls proved to be allowed", allowances)
    figures("keyring: calls proved to be refused", denials)


def _tidy(node: SecuredKeyring) -> None:
    keeper = RedisKeyring(node.address("keeper"))
    keeper.destroy([_order()], by="s", at=_AT)
    keeper.forget_block("block")
    keeper.disconnect()


@pytest.mark.parametrize("role", ["capture", "alerting", "keeper", "monitor"])
def test_whoever_does_not_open_sealed_data_cannot_read_a_key_by_any_command(
    node: SecuredKeyring, role: str
) -> None:
    _prepare(node)
    client = node.client(role)
    name = scripts.KEY + _KEY

    for words in (
        ("GET", name),
        ("MGET", name),
        ("DUMP", name),
        ("GETDEL", name),
        ("EVAL", "return redis.call('GET', KEYS[1])", 1, name),
        ("EVAL", "return redis.call('GET', ARGV[1])", 0, name),
        ("CONFIG", "SET", "save", "1 1"),
        ("SAVE",),
        ("REPLICAOF", "127.0.0.1", "1"),
        ("ACL", "LIST"),
        ("MONITOR",),
    ):
        with pytest.raises(redis.ResponseError, match=r"no permissions|user executing the script"):
            client.execute_command(*words)  # type: ignore[no-untyped-call]  # untyped in the library
    _tidy(node)
    client.close()


def test_a_wrong_password_a_missing_one_and_a_connection_without_tls_are_refused(
    node: SecuredKeyring, tmp_path: Path
) -> None:
    own = node.address("matching")
    stranger = Authority(tmp_path).ca_file
    plain = own.url.replace("rediss://", "redis://")

    for refused in (
        KeyringAddress(url=own.url, username=own.username, password="no", ca_file=own.ca_file),
        KeyringAddress(url=own.url, ca_file=own.ca_file),
        KeyringAddress(url=own.url, username=own.username, password=own.password, ca_file=stranger),
        KeyringAddress(url=plain, username=own.username, password=own.password),
    ):
        keyring = RedisKeyring(refused)
        with pytest.raises(KeyringUnavailableError) as caught:
            keyring.get([_KEY])
        assert str(own.password) not in str(caught.value)
        keyring.disconnect()


def test_the_health_checks_user_may_ping_and_nothing_else(node: SecuredKeyring) -> None:
    client = node.client("monitor")
    client.connection_pool.disconnect()
    health = redis.Redis(
        host="127.0.0.1",
        port=int(node.url.rpartition(":")[2]),
        ssl=True,
        ssl_ca_certs=str(node.address("monitor").ca_file),
        username="lookout-health",
        password="anything",
    )

    assert health.ping()
    with pytest.raises(redis.ResponseError):
        health.info()
    health.close()
