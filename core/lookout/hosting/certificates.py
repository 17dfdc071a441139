"""When the certificates end that a service stands on, so that somebody hears of it in time."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cryptography import x509
from prometheus_client import CollectorRegistry, Gauge

from lookout.hosting.settings import PlatformSettings


class CertificateMetrics:
    """The end of each certificate file of the settings, as read when the service started and took them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ends = Gauge(
            "lookout_certificate_end_timestamp_seconds",
            "When the first certificate of a file of the settings ends, as read at the start.",
            ["use"],
            registry=registry,
        )

    def show(self, files: Mapping[str, Path | None]) -> None:
        """Read the files, by their use. Raises `OSError` or `ValueError` for one that holds no certificate."""
        for use, path in files.items():
            if path is not None:
                self._ends.labels(use).set(first_end(path).timestamp())


def certificate_files(settings: PlatformSettings) -> Mapping[str, Path | None]:
    """The certificate files that the settings name, by their use."""
    return {
        "kafka_ca": settings.kafka.ca_file,
        "kafka_client": settings.kafka.certificate_file,
        "keyring_ca": settings.keyring_ca_file,
        "keyring_client": settings.keyring_certificate_file,
        "registry_ca": settings.registry_ca_file,
        "traces_ca": settings.traces_ca_file,
    }


def first_end(path: Path) -> datetime:
    """When the first of a PEM file's certificates ends, UTC. Raises `OSError` or `ValueError`."""
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} holds no certificate in PEM form") from error
    return min(one.not_valid_after_utc for one in certificates)
