"""What the console is told outside of its database: channels and the key of web push, out of files."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lookout_console.__main__ import _channels, _push_key
from lookout_console.settings import Settings


def written(path: Path, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_channels_are_the_lines_of_a_file_without_comments(tmp_path: Path) -> None:
    file = tmp_path / "channels"
    file.write_text("# of the control room\njson://host/a\n\n  mailto://b  \n")
    assert _channels(Settings(channels_file=file)) == ["json://host/a", "mailto://b"]
    assert _channels(Settings()) == ()


def test_the_key_of_web_push_is_p_256_and_has_a_contact(tmp_path: Path) -> None:
    key = written(tmp_path / "push.pem", ec.generate_private_key(ec.SECP256R1()))
    found = _push_key(Settings(push_key_file=key, push_contact="mailto:it@force.example"))
    assert found is not None
    assert _push_key(Settings()) is None
    with pytest.raises(ValueError, match="PUSH_CONTACT"):
        _push_key(Settings(push_key_file=key))
    other = written(tmp_path / "other.pem", ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(ValueError, match="no P-256"):
        _push_key(Settings(push_key_file=other, push_contact="mailto:it@force.example"))
