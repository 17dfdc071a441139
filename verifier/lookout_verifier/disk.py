"""The two promises about files, and what the keyring's settings say of them."""

import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path

from lookout_verifier.files import Needle, Scan, scan_bytes
from lookout_verifier.keyring import KeyringReader
from lookout_verifier.promises import DISK, NO_KEY, Finding, broken, kept, skipped

_FETCH_WITHIN_S = 5.0
_MOST_METRICS = 32 << 20
_SNAPSHOTS = ("dump.rdb", "appendonly.aof", "appendonlydir")
_WANTED = {
    "save": "",
    "appendonly": "no",
    "slowlog-log-slower-than": "-1",
}


class MetricsError(Exception):
    """An endpoint of metrics does not answer. Says which."""


def fetch(url: str) -> bytes:
    """What an endpoint of metrics says. `MetricsError` if it says nothing."""
    if not url.startswith(("http://", "https://")):
        raise MetricsError(f"{url} is no address of metrics: wanted http:// or https://")
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_WITHIN_S) as answer:  # noqa: S310 - http and https only, see above
            content: bytes = answer.read(_MOST_METRICS)
            return content
    except (urllib.error.URLError, OSError) as error:
        raise MetricsError(f"{url} does not answer ({type(error).__name__})") from None


def scan_metrics(urls: Iterable[str], needles: Sequence[Needle], found: Scan) -> Sequence[str]:
    """Look through metrics as through files; those that did not answer."""
    silent: list[str] = []
    for url in urls:
        try:
            scan_bytes(Path(url), fetch(url), needles, found)
        except MetricsError as error:
            silent.append(str(error))
    return silent


def judge_disk(found: Scan, silent: Sequence[str]) -> Finding:
    """Whether pictures, chips or templates lie in the clear in what was looked through."""
    numbers = {
        "files": found.files,
        "octets": found.octets,
        "unreadable": len(found.unreadable),
        "silent_metrics": len(silent),
    }
    if found.plaintext:
        return broken(
            DISK,
            f"{len(found.plaintext)} places hold plaintext",
            [str(one) for one in found.plaintext],
            **numbers,
        )
    if found.unreadable:
        return skipped(
            DISK,
            f"nothing found, but {len(found.unreadable)} files may not be read by this user, "
            f"{found.unreadable[0]} first",
            **numbers,
        )
    if silent:
        return skipped(DISK, f"nothing found, but {silent[0]}", **numbers)
    return kept(
        DISK,
        f"no picture, chip or template in {found.files} files ({found.octets / 1e6:.1f} MB)",
        **numbers,
    )


def judge_keys(found: Scan, keyring: KeyringReader | None, searched: int) -> Finding:
    """Whether a key that is alive lies in a file, and whether the keyring could write one."""
    numbers = {"keys_searched": searched, "files": found.files, "found": len(found.keys)}
    if keyring is None:
        return skipped(
            NO_KEY,
            "no keyring was given, so nobody knows what to look for (see nothing-opens)",
            **numbers,
        )
    wrong = [str(one) for one in found.keys] + _settings(keyring)
    if wrong:
        return broken(NO_KEY, "keys lie on a disk, or could", wrong, **numbers)
    return kept(
        NO_KEY,
        f"{searched} keys alive, none of them in {found.files} files; the keyring keeps nothing on disk and no slow log",
        **numbers,
    )


def _settings(keyring: KeyringReader) -> list[str]:
    wrong = []
    for name, wanted in _WANTED.items():
        value = keyring.setting(name)
        if value != wanted:
            wrong.append(f'the keyring\'s setting {name} is "{value}", and must be "{wanted}"')
    if slow := keyring.slow_commands():
        wrong.append(f"the keyring's slow log holds {slow} commands with their arguments")
    if keyring.info("persistence").get("aof_enabled", "0") != "0":
        wrong.append("the keyring writes an append-only file")
    replicas = keyring.info("replication").get("connected_slaves", "0")
    if replicas != "0":
        wrong.append(f"the keyring has {replicas} replicas, which keep what it destroys")
    folder = keyring.setting("dir")
    if folder:
        # Only where the keyring runs on this machine is there anything to see.
        names = {*_SNAPSHOTS, keyring.setting("dbfilename") or ""} - {""}
        wrong += [
            f"{Path(folder, name)} is there: the keyring wrote keys to a disk"
            for name in sorted(names)
            if Path(folder, name).exists()
        ]
    return wrong
