"""With a certificate the pages are served over TLS, and in no other way."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lookout_console.__main__ import _web
from lookout_console.settings import Settings
from support.console_world import make_world
from support.polling import until


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "console")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    paths = folder / "tls.crt", folder / "tls.key"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    return paths


@pytest.fixture(name="served")
def served_fixture(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    certificate, key = certified(tmp_path)
    world = make_world(tmp_path)
    settings = Settings(port=0, certificate_file=certificate, certificate_key_file=key, tls=True)
    server = _web(settings, world.office)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the console serves")
    try:
        yield server.servers[0].sockets[0].getsockname()[1], certificate
    finally:
        server.should_exit = True
        thread.join(10)
        world.office.desk.store.close()


def test_pages_are_served_with_the_certificate(served: tuple[int, Path]) -> None:
    port, certificate = served
    trust = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(verify=trust, base_url=f"https://127.0.0.1:{port}") as client:
        assert client.get("/sign-in").status_code == 200


def test_who_does_not_know_the_certificate_or_speaks_in_the_clear_gets_nothing(
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
