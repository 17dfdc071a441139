import json
from pathlib import Path

import pytest
from lookout.events import Signature
from lookout.sealing.ports import DataKey
from lookout.sealing.signing import (
    ROLE_CONTROL,
    ROLE_RECEIPTS,
    Signer,
    TrustedSigner,
    TrustError,
    TrustStore,
    verify,
)

KEEPER = Signer("keeper", DataKey("signing/keeper", b"k" * 32))
OFFICER = Signer("officer", DataKey("signing/officer", b"o" * 32))
TRUST = (
    TrustStore({})
    .adding(KEEPER, roles=[ROLE_RECEIPTS])
    .adding(OFFICER, roles=[ROLE_CONTROL], demonstration=True)
)


@pytest.mark.parametrize("message", [b"", b"a record's body"])
def test_a_listed_signer_is_believed_in_their_role(message: bytes) -> None:
    assert TRUST.verify(KEEPER.sign(message), message, role=ROLE_RECEIPTS)
    assert verify(KEEPER.public_key, message, KEEPER.sign(message).value)


def test_a_listed_signer_is_not_believed_in_another_role() -> None:
    assert not TRUST.verify(KEEPER.sign(b"m"), b"m", role=ROLE_CONTROL)


def test_nobody_is_believed_about_another_message_or_in_anothers_name() -> None:
    signature = KEEPER.sign(b"m")

    assert not TRUST.verify(signature, b"n", role=ROLE_RECEIPTS)
    assert not TRUST.verify(
        Signature(signer="keeper", value=OFFICER.sign(b"m").value), b"m", role=ROLE_RECEIPTS
    )


@pytest.mark.parametrize(
    "signature",
    [
        Signature(signer="", value=b""),
        Signature(signer="keeper", value=b""),
        Signature(signer="keeper", value=b"x" * 64),
        Signature(signer="stranger", value=b"x" * 64),
    ],
)
def test_what_is_no_signature_of_a_listed_signer_is_not_believed(signature: Signature) -> None:
    assert not TRUST.verify(signature, b"m", role=ROLE_RECEIPTS)


def test_the_list_survives_saving_and_loading(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"

    TRUST.save(path)
    loaded = TrustStore.load(path)

    assert loaded.signer("officer") == TrustedSigner(
        public_key=OFFICER.public_key, roles=frozenset({ROLE_CONTROL}), demonstration=True
    )
    assert loaded.verify(KEEPER.sign(b"m"), b"m", role=ROLE_RECEIPTS)
    assert loaded.signer("stranger") is None
    assert [file.name for file in tmp_path.iterdir()] == ["trust.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"signers": [{"signer": "a", "public_key": "!!", "roles": []}]}),
        json.dumps({"signers": [{"signer": "a", "public_key": "YQ==", "roles": []}]}),
        json.dumps({"signers": [{"signer": "a", "public_key": "YQ==", "roles": "control"}]}),
    ],
)
def test_a_file_that_is_no_list_of_signers_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "trust.json"
    path.write_text(content)

    with pytest.raises(TrustError):
        TrustStore.load(path)


def test_a_missing_list_means_that_nobody_is_believed(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="nobody's word counts"):
        TrustStore.load(tmp_path / "trust.json")


def test_no_repr_shows_a_private_key() -> None:
    assert "kkkk" not in repr(KEEPER) + repr(vars(KEEPER))
