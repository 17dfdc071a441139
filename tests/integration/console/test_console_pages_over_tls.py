"""With a certificate the pages are served over TLS, and in no other way."""

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from lookout_console.__main__ import _web
from lookout_console.settings import Settings
from support.certificates import Authority
from support.console_world import make_world
from support.polling import until


@pytest.fixture(name="served")
def served_fixture(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("console")
    world = make_world(tmp_path)
    settings = Settings(port=0, certificate_file=certificate, certificate_key_file=key, tls=True)
    server = _web(settings, world.office)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the console serves")
    try:
        yield server.servers[0].sockets[0].getsockname()[1], authority.ca_file
    finally:
        server.should_exit = True
        thread.join(10)
        world.office.desk.store.close()


def test_pages_are_served_with_the_certificate(served: tuple[int, Path]) -> None:
    port, ca_file = served
    trust = ssl.create_default_context(cafile=str(ca_file))
    with httpx.Client(verify=trust, base_url=f"https://127.0.0.1:{port}") as client:
        assert client.get("/sign-in").status_code == 200


def test_who_does_not_know_its_authority_or_speaks_in_the_clear_gets_nothing(
    served: tuple[int, Path],
) -> None:
    port, _ = served
    with httpx.Client() as client:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            client.get(f"https://127.0.0.1:{port}/sign-in")
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"http://127.0.0.1:{port}/sign-in")


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="CERTIFICATE_KEY_FILE"):
        Settings(certificate_file=tmp_path / "tls.crt")
