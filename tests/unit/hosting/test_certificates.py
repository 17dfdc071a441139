"""Services tell when the certificates end that they stand on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lookout.hosting.certificates import CertificateMetrics
from prometheus_client import CollectorRegistry

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
_ENDS = "lookout_certificate_end_timestamp_seconds"


def certificate(*, days: int) -> bytes:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=days))
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM)


def test_of_a_file_with_several_the_one_that_ends_first_counts(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(certificate(days=300) + certificate(days=30))
    registry = CollectorRegistry()
    CertificateMetrics(registry).show({"kafka_ca": path, "kafka_client": None})
    expected = (START + timedelta(days=30)).timestamp()
    assert registry.get_sample_value(_ENDS, {"use": "kafka_ca"}) == expected
    assert registry.get_sample_value(_ENDS, {"use": "kafka_client"}) is None


def test_a_file_without_a_certificate_keeps_the_service_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    with pytest.raises(ValueError, match="holds no certificate"):
        CertificateMetrics(CollectorRegistry()).show({"kafka_ca": path})
