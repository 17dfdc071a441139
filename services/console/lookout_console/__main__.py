"""The console's wiring."""

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lookout.events import (
    Alert,
    Erasure,
    Event,
    PurgeCertificate,
    ServiceState,
    ServiceStatus,
    Track,
)
from lookout.hosting.platform import Platform
from lookout.hosting.service import Loop, Service, run_process
from lookout.hosting.settings import PlatformSettings, secret_of
from lookout.sealing.signing import Signer
from lookout.telemetry.status import State
from sqlalchemy import make_url

from lookout_console.accounts.oidc import Provider, ProviderSettings
from lookout_console.actions.deployments import Pack
from lookout_console.actions.planting import Planting
from lookout_console.actions.retention import Retention
from lookout_console.adapters.audit_feed import AuditFeed
from lookout_console.adapters.control import SignedControl
from lookout_console.adapters.examining import Examining
from lookout_console.adapters.listening import Certificates, FaceCount
from lookout_console.adapters.taking import AlertTaker
from lookout_console.domain.roles import Role
from lookout_console.metrics import Metrics
from lookout_console.schema import upgrade
from lookout_console.settings import Settings
from lookout_console.store.audit import Audit
from lookout_console.store.engine import Store
from lookout_console.web.app import create_app
from lookout_console.web.assembly import Outside, build_office
from lookout_console.web.office import Office

_log = structlog.get_logger(__name__)
_BATCH: Final = 50
_WAIT_S: Final = 0.02
_STARTED_WITHIN_S: Final = 30.0


class ConsoleService:
    """Pages in a thread, the audit's feed in another, alerts in the caller's."""

    def __init__(self, *, web: uvicorn.Server, feed: AuditFeed, alerts: Loop) -> None:
        self._web, self._feed, self._alerts = web, feed, alerts

    def run(self, stop: threading.Event) -> None:
        """See `Service.run`. The audit's last entries are published after everything that writes some has ended."""
        fed = threading.Event()
        feeding = threading.Thread(target=self._feed.run, args=(fed,), name="audit feed")
        pages = threading.Thread(target=self._web.run, name="pages")
        feeding.start()
        pages.start()
        try:
            self._wait_started(pages)
            self._alerts.run(stop)
        finally:
            self._web.should_exit = True
            pages.join()
            fed.set()
            feeding.join()

    def state(self) -> State:
        """See `Service.state`."""
        if not self._web.started:
            return ServiceState.NOT_RUNNING, "the pages are not served yet"
        return ServiceState.LIVE, ""

    def _wait_started(self, pages: threading.Thread) -> None:
        deadline = time.monotonic() + _STARTED_WITHIN_S
        while not self._web.started:
            if not pages.is_alive() or time.monotonic() > deadline:
                raise OSError("the pages cannot be served: is the port taken?")
            time.sleep(_WAIT_S)


def build(platform: Platform, settings: Settings) -> Service:
    """The console on a platform."""
    pack = platform.load_pack()
    store = make_store(settings)
    platform.closing(store.close)
    upgrade(store)
    signer = Signer(settings.signer, platform.vault.get(f"signing/{settings.signer}"))
    producer = platform.broker.producer()
    platform.closing(producer.close)
    control = SignedControl(codec=platform.codec, producer=producer, signer=signer)
    feed = AuditFeed(chain=Audit(store, platform.clock), emit_all=_emitting(platform))
    platform.footing.rely_on(feed.why_not)
    office = build_office(
        Outside(
            store=store,
            vault=platform.vault,
            control=control,
            clock=platform.clock,
            new_examiner=Examining(load=lambda: pack, vault=platform.vault, now=platform.clock),
            pack=Pack(name=pack.pack.name, sha256=pack.pack.sha256),
            demonstration=platform.settings.demonstration,
            tls=settings.tls,
            provider=_provider(settings),
            provider_name=settings.oidc_name,
            local_accounts=settings.local_accounts,
            audit_why_not=feed.why_not,
            stops_above_ceiling=settings.stops_above_ceiling,
            channels=_channels(settings),
            push_key=_push_key(settings),
            push_contact=settings.push_contact,
        )
    )
    _listen(platform, settings, office)
    _first_account(settings, office)
    metrics = Metrics(platform.registry)
    taker = AlertTaker(
        desk=office.alerts,
        keyring=platform.keyring,
        counted=lambda outcome: metrics.alerts.labels(outcome).inc(),
    )
    runner = platform.runner(Alert, taker, batch_max=_BATCH)
    return ConsoleService(web=_web(settings, office), feed=feed, alerts=runner)


def _channels(settings: Settings) -> Sequence[str]:
    if settings.channels_file is None:
        return ()
    lines = settings.channels_file.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _push_key(settings: Settings) -> ec.EllipticCurvePrivateKey | None:
    if settings.push_key_file is None:
        return None
    key = load_pem_private_key(settings.push_key_file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError(f"{settings.push_key_file} holds no P-256 private key in PEM")
    if not settings.push_contact.startswith(("mailto:", "https://")):
        raise ValueError("web push needs LOOKOUT_CONSOLE_PUSH_CONTACT, a mailto: or https: address")
    return key


def _listen(platform: Platform, settings: Settings, office: Office) -> None:
    faces = FaceCount(office.deployments.count_faces)
    certificates = Certificates(office.retention.certified)
    platform.follow(ServiceStatus, office.statuses.take)
    platform.follow(Track, faces.heard)
    platform.follow(Erasure, office.frames.heard)
    platform.follow(PurgeCertificate, certificates.heard, signed=True)
    office.beside += [
        office.deployments.tell_untold,
        faces.turn,
        certificates.turn,
        _NowAndThen(office.retention, settings.forget_every_s),
    ]
    if settings.plant_every_min:
        office.beside.append(_Planter(office, settings.plant_every_min * 60))


class _NowAndThen:
    """The turn of what is due by the minute, among turns of half a second."""

    def __init__(self, retention: Retention, every_s: float) -> None:
        self._retention, self._every_s = retention, every_s
        self._next = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._every_s
            self._retention.turn()


class _Planter:
    """Plants at moments that nobody can foresee."""

    def __init__(self, office: Office, mean_s: float) -> None:
        self._office, self._mean_s = office, mean_s
        self._planting = Planting(office.desk)
        self._next = time.monotonic() + random.expovariate(1 / mean_s)

    def __call__(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + random.expovariate(1 / self._mean_s)
        known = self._office.deployments.current()
        if known is not None:
            self._planting.plant(known.deployment_id)


def _emitting(platform: Platform) -> Callable[[Sequence[Event]], None]:
    producer = platform.broker.producer()
    platform.closing(producer.close)

    def emit_all(events: Sequence[Event]) -> None:
        for event in events:
            producer.produce(platform.codec.outgoing(event))
        producer.flush()

    return emit_all


def make_store(settings: Settings) -> Store:
    """The database of the settings. `OSError` where a file of theirs cannot be read."""
    return Store(database_url(settings), ca=settings.database_ca_file)


def database_url(settings: Settings) -> str:
    """The store's URL, password included: for the driver, and nobody else."""
    if settings.database_url_file is None and make_url(settings.database_url).password:
        raise ValueError(
            "LOOKOUT_CONSOLE_DATABASE_URL holds a password: put the URL into a file, and name that in "
            "LOOKOUT_CONSOLE_DATABASE_URL_FILE"
        )
    url = make_url(secret_of(settings.database_url_file) or settings.database_url)
    password = secret_of(settings.database_password_file)
    if password is not None:
        url = url.set(password=password)
    return url.render_as_string(hide_password=False)


def _provider(settings: Settings) -> Provider | None:
    if not settings.oidc_issuer:
        return None
    return Provider(
        ProviderSettings(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=secret_of(settings.oidc_client_secret_file) or "",
            redirect_uri=settings.oidc_redirect_uri,
            roles=settings.oidc_roles,
        )
    )


def _first_account(settings: Settings, office: Office) -> None:
    """Somebody must be the first: an administrator whose one-time link is in a file that only its owner reads."""
    if settings.first_link_file is None or office.register.all():
        return
    why = "nobody had an account"
    account = office.register.add(
        name="administrator",
        shown="Administrator",
        password=None,
        roles=[Role.ADMINISTRATOR],
        by="console",
        reason=why,
    )
    secret = office.credentials.make_link(account.account_id, by="console", reason=why)
    _write_secret(settings.first_link_file, f"/sign-in/link/{secret}\n")
    _log.info("the first sign-in link was written", file=str(settings.first_link_file))


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _web(settings: Settings, office: Office) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            create_app(office),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            ssl_certfile=settings.certificate_file,
            ssl_keyfile=settings.certificate_key_file,
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=settings.proxies or None,
            timeout_graceful_shutdown=2,
        )
    )


def main() -> None:
    """Run the console until SIGTERM; ``python -m lookout_console migrate`` brings its store to the newest revision."""
    if sys.argv[1:] == ["migrate"]:
        store = make_store(Settings())
        upgrade(store)
        store.close()
        return
    run_process("console", PlatformSettings(), lambda platform: build(platform, Settings()))


if __name__ == "__main__":
    main()
