"""Signing in through an OpenID provider: authorisation code with PKCE, state and nonce; the ID token checked against the provider's keys."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

_TIMEOUT_S: Final = 10.0
_LEEWAY_S: Final = 30
_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")


class ProviderError(Exception):
    """The provider did not vouch for anybody. The text is for the log and for the person, and holds no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """How this console is known to a provider. ``roles`` maps the provider's groups to roles of the console."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    roles: Mapping[str, str]
    roles_claim: str = "groups"
    scope: str = "openid profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A sign-in under way, kept in the browser that began it: nobody else can finish it."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Whom the provider vouches for, and the console's roles among their groups."""

    issuer: str
    subject: str
    name: str
    shown: str
    roles: frozenset[str]


class Provider:
    """One OpenID provider. Its configuration and keys are fetched when first needed, keys again when an unknown one signs."""

    def __init__(self, settings: ProviderSettings, *, http: httpx.Client | None = None) -> None:
        self._settings = settings
        self._http = http or httpx.Client(timeout=_TIMEOUT_S)
        self._configuration: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    def begin(self) -> tuple[str, Attempt]:
        """Where to send the browser, and what it must keep until it comes back.

        Raises:
            ProviderError: the provider cannot be reached.
        """
        attempt = Attempt(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
        )
        with self._client() as client:
            url, _ = client.create_authorization_url(
                self._endpoint("authorization_endpoint"),
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(url), attempt

    def finish(self, *, answer_url: str, state: str, attempt: Attempt) -> Vouched:
        """Who came back with ``answer_url``, the whole address that the provider sent the browser to.

        Raises:
            ProviderError: another browser's answer, a refused code, or an ID token that does not hold.
        """
        if not secrets.compare_digest(state, attempt.state):
            raise ProviderError("this sign-in was begun in another browser: begin again")
        try:
            with self._client() as client:
                answer = client.fetch_token(
                    self._endpoint("token_endpoint"),
                    authorization_response=answer_url,
                    state=attempt.state,
                    code_verifier=attempt.verifier,
                    timeout=_TIMEOUT_S,
                )
        except ProviderError:
            raise
        except (
            Exception
        ) as error:  # the client raises its own, requests' and the JSON reader's errors
            raise ProviderError("the identity provider refused this sign-in") from error
        claims = self._claims(str(answer.get("id_token", "")), attempt.nonce)
        return self._vouched(claims)

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        groups = claims.get(self._settings.roles_claim, [])
        known = self._settings.roles
        return Vouched(
            issuer=self._settings.issuer,
            subject=str(claims["sub"]),
            name=str(claims.get("preferred_username") or claims["sub"]),
            shown=str(claims.get("name") or claims.get("preferred_username") or claims["sub"]),
            roles=frozenset(
                known[group]
                for group in (groups if isinstance(groups, list) else [])
                if isinstance(group, str) and group in known
            ),
        )

    def _claims(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        options: dict[str, Any] = {
            "iss": {"essential": True, "value": self._settings.issuer},
            "aud": {"essential": True, "value": self._settings.client_id},
        }
        parameters = {"nonce": nonce, "client_id": self._settings.client_id}
        try:
            token = self._decoded(id_token)
            claims = CodeIDToken(token.claims, token.header, options, parameters)
            claims.validate(leeway=_LEEWAY_S)
        except ProviderError:
            raise
        except (
            Exception
        ) as error:  # authlib, joserfc and the key reader each have a family of errors
            raise ProviderError("the identity provider's answer does not hold") from error
        return dict(token.claims)

    def _decoded(self, id_token: str) -> jwt.Token:
        try:
            return jwt.decode(id_token, self._key_set(), algorithms=list(_ALGORITHMS))
        except (JoseError, ValueError):
            # The provider may have changed its keys: looked up once more, then it counts.
            self._keys = None
            return jwt.decode(id_token, self._key_set(), algorithms=list(_ALGORITHMS))

    def _key_set(self) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(self._fetch(self._endpoint("jwks_uri")))  # type: ignore[arg-type]  # a JWKS is checked by the reader
        return self._keys

    def _endpoint(self, name: str) -> str:
        if self._configuration is None:
            issuer = self._settings.issuer.rstrip("/")
            found = self._fetch(f"{issuer}/.well-known/openid-configuration")
            if found.get("issuer") != self._settings.issuer:
                raise ProviderError("the identity provider calls itself by another name than set")
            self._configuration = found
        endpoint = self._configuration.get(name)
        if not isinstance(endpoint, str):
            raise ProviderError(f"the identity provider names no {name}")
        return endpoint

    def _fetch(self, url: str) -> dict[str, Any]:
        try:
            answer = self._http.get(url)
            answer.raise_for_status()
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderError("the identity provider cannot be reached") from error
        if not isinstance(found, dict):
            raise ProviderError("the identity provider cannot be understood")
        return found

    def _client(self) -> OAuth2Session:
        return OAuth2Session(
            client_id=self._settings.client_id,
            client_secret=self._settings.client_secret,
            scope=self._settings.scope,
            redirect_uri=self._settings.redirect_uri,
            code_challenge_method="S256",
        )
