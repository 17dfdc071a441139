"""Signing in through a real OpenID provider on loopback."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from lookout_console.accounts.oidc import (
    Attempt,
    Provider,
    ProviderError,
    ProviderSettings,
    Vouched,
)
from support.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, openid_provider

REDIRECT = "http://127.0.0.1:1/sign-in/provider/back"


@pytest.fixture(name="given")
def given_fixture() -> Iterator[OpenIdProvider]:
    with openid_provider() as provider:
        yield provider


def console_side(given: OpenIdProvider, secret: str = CLIENT_SECRET) -> Provider:
    return Provider(
        ProviderSettings(
            issuer=given.issuer,
            client_id=CLIENT_ID,
            client_secret=secret,
            redirect_uri=REDIRECT,
            roles={"lfr-operators": "lfr_operator", "auditors": "auditor"},
        )
    )


def there_and_back(provider: Provider) -> tuple[str, str, Attempt]:
    url, attempt = provider.begin()
    answer = httpx.get(url, follow_redirects=False)
    back = answer.headers["location"]
    return back, httpx.URL(back).params["state"], attempt


def signed_in(provider: Provider) -> Vouched:
    back, state, attempt = there_and_back(provider)
    return provider.finish(answer_url=back, state=state, attempt=attempt)


def test_who_the_provider_vouches_for_has_the_roles_of_their_groups(given: OpenIdProvider) -> None:
    given.claims = {"groups": ["lfr-operators", "canteen", 7]}
    vouched = signed_in(console_side(given))
    assert (vouched.subject, vouched.shown) == ("subject-17", "Officer 17")
    assert vouched.roles == {"lfr_operator"}


def test_a_sign_in_begun_in_another_browser_is_refused(given: OpenIdProvider) -> None:
    provider = console_side(given)
    back, state, _ = there_and_back(provider)
    _, _, other = there_and_back(provider)
    with pytest.raises(ProviderError, match="another browser"):
        provider.finish(answer_url=back, state=state, attempt=other)


def test_a_code_is_good_once(given: OpenIdProvider) -> None:
    provider = console_side(given)
    back, state, attempt = there_and_back(provider)
    provider.finish(answer_url=back, state=state, attempt=attempt)
    with pytest.raises(ProviderError):
        provider.finish(answer_url=back, state=state, attempt=attempt)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-client"},
        {"exp": int(time.time()) - 3600},
        {"nonce": "of another sign-in"},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_an_id_token_that_was_not_made_for_this_sign_in_is_refused(
    given: OpenIdProvider, claims: dict[str, Any]
) -> None:
    given.claims = claims
    with pytest.raises(ProviderError):
        signed_in(console_side(given))


def test_an_id_token_signed_by_a_key_the_provider_does_not_publish_is_refused(
    given: OpenIdProvider,
) -> None:
    given.published = RSAKey.generate_key(2048)
    with pytest.raises(ProviderError):
        signed_in(console_side(given))


def test_a_provider_that_changes_its_key_is_understood(given: OpenIdProvider) -> None:
    provider = console_side(given)
    signed_in(provider)
    given.key = RSAKey.generate_key(2048)
    assert signed_in(provider).subject == "subject-17"


def test_a_wrong_client_secret_vouches_for_nobody(given: OpenIdProvider) -> None:
    with pytest.raises(ProviderError) as refused:
        signed_in(console_side(given, secret="wrong"))
    assert "wrong" not in str(refused.value)


def test_a_provider_that_is_away_is_said_to_be_away() -> None:
    provider = Provider(
        ProviderSettings(
            issuer="http://127.0.0.1:9",
            client_id="x",
            client_secret="y",
            redirect_uri=REDIRECT,
            roles={},
        )
    )
    with pytest.raises(ProviderError, match="cannot be reached"):
        provider.begin()
