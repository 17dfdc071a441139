"""Web push against a real receiver on loopback: nothing of an alert is in it, and the sender is proved."""

import base64
from collections.abc import Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey
from lookout_console.notify.push import Push, PushRefusedError
from lookout_console.store.columns import metadata
from sqlalchemy import Engine, create_engine
from support.console_accounts import START, Told
from support.http_receiver import Receiver, http_receiver


@pytest.fixture(name="receiver")
def receiver_fixture() -> Iterator[Receiver]:
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture(name="engine")
def engine_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('store')}/console.db")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


class _ToReceiver(httpx.HTTPTransport):
    """Carries what is for a push service to the receiver on loopback."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()
        self._receiver = receiver

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = httpx.URL(self._receiver.url).join(request.url.raw_path.decode())
        return super().handle_request(request)


def pushing(engine: Engine, receiver: Receiver) -> tuple[Push, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    push = Push(
        engine,
        clock=Told(),
        key=key,
        contact="mailto:operations@force.example",
        http=httpx.Client(transport=_ToReceiver(receiver)),
    )
    return push, key


def test_a_push_has_no_body_and_is_signed_for_its_push_service(
    engine: Engine, receiver: Receiver
) -> None:
    push, key = pushing(engine, receiver)
    push.subscribe("officer-1", "https://push.example/send/abc")
    push.subscribe("officer-2", "https://push.example/send/def")
    assert push.push(frozenset({"officer-1"})) == 1
    (received,) = receiver.received
    assert received.body == b""
    assert received.path == "/send/abc"
    scheme, _, rest = received.headers["authorization"].partition(" ")
    assert scheme == "vapid"
    token, public = (part.strip().partition("=")[2] for part in rest.split(","))
    claims = jwt.decode(token, ECKey.import_key(key.public_key()), algorithms=["ES256"]).claims
    assert claims["aud"] == "https://push.example"
    assert 0 < claims["exp"] - START.timestamp() <= 24 * 3600
    point = base64.urlsafe_b64decode(public + "=")
    assert (len(point), point[0]) == (65, 4)


def test_a_browser_that_is_gone_is_forgotten(engine: Engine, receiver: Receiver) -> None:
    push, _ = pushing(engine, receiver)
    push.subscribe("officer-1", "https://push.example/send/abc")
    receiver.answers = [410]
    assert push.push(frozenset({"officer-1"})) == 0
    assert push.push(frozenset({"officer-1"})) == 0
    assert len(receiver.received) == 1


def test_a_handset_that_is_wiped_is_pushed_to_no_more(engine: Engine, receiver: Receiver) -> None:
    push, _ = pushing(engine, receiver)
    push.subscribe("officer-1", "https://push.example/send/abc")
    push.forget("officer-1")
    assert push.push(frozenset({"officer-1"})) == 0
    assert receiver.received == []


@pytest.mark.parametrize("endpoint", ["http://push.example/x", "file:///etc/passwd", "x", ""])
def test_what_is_no_push_service_is_refused(
    engine: Engine, receiver: Receiver, endpoint: str
) -> None:
    push, _ = pushing(engine, receiver)
    with pytest.raises(PushRefusedError):
        push.subscribe("officer-1", endpoint)
