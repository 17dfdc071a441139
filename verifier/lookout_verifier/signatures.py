"""Whether every signed record was signed by somebody listed for it."""

from lookout_verifier.anchors import Anchors
from lookout_verifier.avro import AvroError
from lookout_verifier.chain import Erasures, unsigned
from lookout_verifier.promises import (
    CHAIN,
    SIGNATURES,
    Finding,
    broken,
    kept,
    skipped,
)
from lookout_verifier.survey import Survey
from lookout_verifier.trust import CONTROL, RECEIPTS, Trust

_OF_THE_KEEPER = frozenset({"PurgeCertificate"})


def judge_signatures(erasures: Erasures, found: Survey, trust: Trust | None) -> Finding:
    """Receipts and certificates by keepers, deployments and watchlist entries by those who may give orders."""
    if trust is None:
        return skipped(
            SIGNATURES, "no list of signers was given (--trust): nobody's word can be checked"
        )
    wrong = list(erasures.untrusted)
    for record, body, place in found.control:
        try:
            signature = record.record("signature")
            signer, value = signature.text("signer"), signature.octets("value")
        except AvroError as error:
            wrong.append(f"{place}: {error}")
            continue
        role = RECEIPTS if record.name in _OF_THE_KEEPER else CONTROL
        if not trust.signed(signer, unsigned(record, body), value, role=role):
            wrong.append(f"{place}: {record.name} signed as {signer!r}, by nobody listed for it")
    checked = erasures.links + erasures.strays + len(erasures.untrusted) + len(found.control)
    numbers = {"checked": checked, "wrong": len(wrong)}
    if wrong:
        return broken(
            SIGNATURES, f"{len(wrong)} of {checked} signatures do not verify", wrong, **numbers
        )
    return kept(SIGNATURES, f"all {checked} signatures are of listed signers", **numbers)


def judge_chain(erasures: Erasures, anchors: Anchors) -> Finding:
    """Whether the receipts follow one another without a gap, none altered, and are what anchors say they were."""
    wrong = [*erasures.broken, *erasures.undecodable, *anchors.wrong]
    numbers = {
        "links": erasures.links,
        "strays": erasures.strays,
        "repeated": erasures.repeated,
        "anchors_confirmed": anchors.confirmed,
        "wrong": len(wrong),
    }
    if wrong:
        return broken(CHAIN, "the chain of receipts does not hold", wrong, **numbers)
    told = (
        f"{anchors.confirmed} anchors confirm it"
        if anchors.confirmed
        else f"compare its head with one noted elsewhere: {erasures.head.hex()[:16]}"
    )
    return kept(CHAIN, f"{erasures.links} links without a gap; {told}", **numbers)
