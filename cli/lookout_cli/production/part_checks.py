"""Whether the keyring, the gallery, the console and the trust in keys are what an installation needs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
from lookout.sealing.keyring import KeyringAddress, RedisKeyring
from lookout.sealing.ports import KeyringUnavailableError
from lookout.sealing.signing import TrustStore
from lookout_console.settings import Settings as ConsoleSettings
from lookout_matching.settings import GalleryKind
from lookout_matching.settings import Settings as MatchingSettings

from lookout_cli.production.findings import Check, Subject

_WAIT = timedelta(seconds=2)
_KEYRING_TLS = Subject(
    "keyring: TLS",
    "keys would be seen on the network",
    "LOOKOUT_KEYRING_URL=rediss://…, LOOKOUT_KEYRING_CA_FILE; the server with tls-port and port 0",
)
_KEYRING_USERS = Subject(
    "keyring: users",
    "whoever reaches it without a password has every key",
    "load the file of `lookout keyring acls` (aclfile), in which the default user is off",
)
_KEYRING_DISK = Subject(
    "keyring: nothing on a disk",
    "a key on a disk is not destroyed when it is destroyed",
    "save, appendonly, maxmemory-policy and slowlog as said; no replica",
)
_KEYRING_CLOCK = Subject(
    "keyring: clock",
    "a service whose clock differs stops until it is set right",
    "give both machines the same source of time",
)
_GALLERY = Subject(
    "gallery: access",
    "templates of the watchlist could be read or changed",
    "an https:// URL, and an API key in LOOKOUT_MATCHING_GALLERY_API_KEY_FILE that Qdrant demands",
)
_PAGES = Subject(
    "console: https",
    "cookies and pictures would be seen on the network",
    "serve it by https (a proxy or its own certificate) and set LOOKOUT_CONSOLE_TLS=true",
)
_ACCOUNTS = Subject(
    "console: accounts",
    "passwords of the console's own are a second register of people, without the force's leavers",
    "LOOKOUT_CONSOLE_OIDC_ISSUER and its kin, then LOOKOUT_CONSOLE_LOCAL_ACCOUNTS=false",
)
_FIRST_LINK = Subject(
    "console: first sign-in link",
    "whoever reads the file is the administrator",
    "use the link, delete the file, and unset LOOKOUT_CONSOLE_FIRST_LINK_FILE",
)
_DATABASE = Subject(
    "console: database",
    "names and reasons would travel in the clear",
    "postgresql+pg8000://…, and LOOKOUT_CONSOLE_DATABASE_CA_FILE",
)
_DEMONSTRATION = Subject(
    "demonstration keys",
    "anybody with the command line could open a deployment",
    "unset LOOKOUT_DEMONSTRATION, and take demonstration signers out of the trust file",
)


def keyring_checks(address: KeyringAddress, *, clocks_differ: timedelta) -> Iterator[Check]:
    """Ask the keyring, by these credentials and by none."""
    scheme = urlsplit(address.url).scheme
    if not scheme:
        missing = "LOOKOUT_KEYRING_URL is not set"
        subjects = (_KEYRING_TLS, _KEYRING_USERS, _KEYRING_DISK, _KEYRING_CLOCK)
        yield from (subject.unknown(missing) for subject in subjects)
        return
    yield _KEYRING_TLS.judged(
        scheme in ("rediss", "unix"),
        {"unix": "a socket of this machine", "rediss": "TLS"}.get(scheme, "none"),
    )
    yield _users(address)
    keyring = RedisKeyring(replace(address, timeout=_WAIT))
    try:
        yield _disk(keyring)
        yield _clock(keyring, clocks_differ)
    finally:
        keyring.disconnect()


def _users(address: KeyringAddress) -> Check:
    stranger = RedisKeyring(replace(address, username=None, password=None, timeout=_WAIT))
    try:
        stranger.time()
    except KeyringUnavailableError as error:
        if "does not answer" in str(error):
            return _KEYRING_USERS.unknown(str(error))
        return _KEYRING_USERS.ok("it answers nobody without a password")
    finally:
        stranger.disconnect()
    return _KEYRING_USERS.open("it answers without a password")


def _disk(keyring: RedisKeyring) -> Check:
    try:
        keyring.check()
    except KeyringUnavailableError as error:
        told = str(error)
        known = "setting" in told or "replicas" in told
        return _KEYRING_DISK.open(told) if known else _KEYRING_DISK.unknown(told)
    return _KEYRING_DISK.ok("in memory only, no replica")


def _clock(keyring: RedisKeyring, clocks_differ: timedelta) -> Check:
    try:
        differs = abs(keyring.time() - datetime.now(UTC))
    except KeyringUnavailableError as error:
        return _KEYRING_CLOCK.unknown(str(error))
    return _KEYRING_CLOCK.judged(
        differs < clocks_differ, f"differs by {differs.total_seconds() * 1000:.0f} ms"
    )


def gallery_checks(settings: MatchingSettings) -> Iterator[Check]:
    """Ask Qdrant without a key."""
    if settings.gallery is not GalleryKind.SERVER:
        yield _GALLERY.ok("inside matching's own process")
        return
    if not settings.gallery_url.startswith("https://"):
        yield _GALLERY.open("not https://")
        return
    try:
        verify = str(settings.gallery_ca) if settings.gallery_ca else True
        answer = httpx.get(
            f"{settings.gallery_url}/collections", timeout=_WAIT.total_seconds(), verify=verify
        )
    except (httpx.HTTPError, OSError) as error:
        yield _GALLERY.unknown(f"Qdrant does not answer ({type(error).__name__})")
        return
    refused = answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
    yield _GALLERY.judged(refused, f"asked without a key it answers {answer.status_code}")


def console_checks(settings: ConsoleSettings) -> Iterator[Check]:
    """What the console was told; ``settings`` are those of its own environment."""
    if not settings.model_fields_set:
        missing = "no LOOKOUT_CONSOLE_… in this environment: ask where the console runs"
        subjects = (_PAGES, _ACCOUNTS, _FIRST_LINK, _DATABASE)
        yield from (subject.unknown(missing) for subject in subjects)
        return
    yield _PAGES.judged(settings.tls, "https" if settings.tls else "plain http")
    local = settings.local_accounts
    yield _ACCOUNTS.judged(not local, "of its own" if local else "the force's OpenID provider")
    link = settings.first_link_file
    there = link is not None and link.exists()
    yield _FIRST_LINK.judged(not there, f"in {link}" if there else "none")
    if settings.database_url_file is not None:
        kind, safe = "by file", settings.database_ca_file is not None
    else:
        kind = urlsplit(settings.database_url).scheme
        safe = kind == "sqlite" or settings.database_ca_file is not None
    yield _DATABASE.judged(safe, f"{kind}, {'closed' if safe else 'without TLS'}")


def trust_checks(trust: TrustStore | None, *, demonstration: bool) -> Iterator[Check]:
    """Whether the command line's own key counts."""
    if demonstration:
        yield _DEMONSTRATION.open("LOOKOUT_DEMONSTRATION is set")
    elif trust is None:
        yield _DEMONSTRATION.unknown("the trust file cannot be read")
    else:
        names = trust.demonstration_signers()
        yield _DEMONSTRATION.judged(not names, f"trusted: {', '.join(names)}" if names else "none")
