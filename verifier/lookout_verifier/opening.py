"""Trying to open what must stay closed."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lookout_verifier.keyring import KeyringReader
from lookout_verifier.payloads import KEY_BYTES, Payload
from lookout_verifier.promises import DESTROYED, NOTHING_OPENS, Finding, broken, kept, skipped

_LARGEST_FILE = 64 << 10
_MOST_OCTETS = 512 << 10
_TRIED_ON = 3
_LARGEST_PAYLOAD = 32 << 10
# A random key has about 30 distinct bytes; fewer than 20 is one in 10^11.
_LEAST_DISTINCT = 20
_HEX = re.compile(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=?(?![A-Za-z0-9+/=])")
# Messages are judged where topics are; these are large, or hold offsets.
_LOGS = (".log", ".index", ".timeindex")


def judge_destroyed(
    sample: Sequence[Payload], risen: frozenset[str], keyring: KeyringReader, destroyed: int
) -> Finding:
    """Ask the keyring for the keys of payloads whose receipt says destroyed. ``risen``: alive though receipted."""
    secrets = keyring.secrets([payload.key_id for payload in sample])
    opened = [
        one for one in sample if one.key_id in secrets and one.opens_with(secrets[one.key_id])
    ]
    alive = sorted(risen | set(secrets))
    numbers = {
        "destroyed_by_receipt": destroyed,
        "sampled": len(sample),
        "opened": len(opened),
        "alive": len(alive),
    }
    if alive:
        details = [f"key {key_id} has a receipt and is in the keyring" for key_id in alive]
        details += [f"{one.place} opens" for one in opened]
        return broken(
            DESTROYED, f"{len(alive)} keys exist whose receipts say destroyed", details, **numbers
        )
    return kept(
        DESTROYED,
        f"none of {destroyed} destroyed keys exists; {len(sample)} sealed payloads sampled, none opens",
        **numbers,
    )


def judge_nothing_opens(sample: Sequence[Payload], paths: Sequence[Path], *, total: int) -> Finding:
    """Try whatever in these files could be a key on the smallest of the payloads: without a keyring, all that is left."""
    targets = _targets(sample)
    if not targets:
        return skipped(
            NOTHING_OPENS, "no sealed payload to try: the topics have given up what they held"
        )
    opened: list[str] = []
    tried = looked_at = octets = 0
    for path, content in _small(paths):
        octets += len(content)
        looked_at += 1
        for key in candidates(content):
            tried += 1
            opened += [
                f"{one.place} opens with bytes out of {path}"
                for one in targets
                if one.opens_with(key)
            ]
    numbers = {
        "sealed_payloads": total,
        "tried_on": len(targets),
        "files": looked_at,
        "octets": octets,
        "candidates": tried,
        "opened": len(opened),
    }
    if opened:
        return broken(NOTHING_OPENS, "a key lies in a file", opened, **numbers)
    left_out = f", the first {_MOST_OCTETS >> 10} KiB of them" if octets >= _MOST_OCTETS else ""
    return kept(
        NOTHING_OPENS,
        f"{total} sealed payloads, none opened: {tried} candidates for a key out of {looked_at} small files{left_out}",
        **numbers,
    )


def candidates(content: bytes) -> Iterator[bytes]:
    """Whatever in these bytes could be a key: every 32 that look random, and what decodes to 32. Each once."""
    seen: set[bytes] = set()
    for at in range(len(content) - KEY_BYTES + 1):
        window = content[at : at + KEY_BYTES]
        if len(set(window)) >= _LEAST_DISTINCT and window not in seen:
            seen.add(window)
            yield window
    for found in _HEX.finditer(content):
        yield bytes.fromhex(found[0].decode())
    for found in _BASE64.finditer(content):
        decoded = base64.b64decode(found[0].rstrip(b"=") + b"=")
        if len(decoded) == KEY_BYTES:
            yield decoded


def _targets(sample: Sequence[Payload]) -> Sequence[Payload]:
    known: Mapping[int, Payload] = {
        len(one.ciphertext): one
        for one in sample
        if one.ciphertext is not None and len(one.ciphertext) <= _LARGEST_PAYLOAD
    }
    return [known[size] for size in sorted(known)[:_TRIED_ON]]


def _small(paths: Sequence[Path]) -> Iterator[tuple[Path, bytes]]:
    octets = 0
    for path in paths:
        try:
            if path.suffix in _LOGS or path.stat().st_size > _LARGEST_FILE:
                continue
            content = path.read_bytes()[: _MOST_OCTETS - octets]
        except OSError:
            continue
        octets += len(content)
        if content:
            yield path, content
        if octets >= _MOST_OCTETS:
            return
