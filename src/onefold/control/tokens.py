"""Access tokens: who gets one, and whose one is.

A token is a JWT signed with the installation's own key, RS256 and nothing else. Checking the
signature costs 0.1 ms, so what was verified is remembered until it expires; a new generation makes
the memory ask again whether the credential still stands. Source: platform contract, section 2.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from onefold.config import Settings
from onefold.control import credentials
from onefold.effects import Clock
from onefold.errors import Malformed, NotFound, Rejected
from onefold.store.snapshot import Definitions, Installation
from onefold.store.tables.credentials import Credential
from onefold.wire import JSON

ALGORITHM = "RS256"
REMEMBERED_MAX = 10_000
TOKEN_LENGTH_MAX = 8_192
NOT_BEFORE_LEEWAY_S = 60
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_UNCHECKED = {
    # PyJWT looks at the machine's clock and at strings; times and claims are checked below.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class Principal(msgspec.Struct, frozen=True):
    """Whom a valid token speaks for."""

    client_id: str
    org_id: str
    scopes: frozenset[str]
    expires_ms: int


class _Remembered(msgspec.Struct, frozen=True, gc=False):
    principal: Principal
    generation: int


class Tokens:
    """Issues and verifies access tokens. Thread-safe."""

    def __init__(
        self, *, definitions: Definitions, key: rsa.RSAPrivateKey, clock: Clock, settings: Settings
    ) -> None:
        self._definitions = definitions
        self._key = key
        self._public_key = key.public_key()
        self._clock = clock
        self._life_ms = settings.token_seconds * 1000
        self._hosts = _hosts(settings)
        self._remembered: dict[str, _Remembered] = {}
        self._turn = threading.Lock()

    def exchange_jwt(self, form: Mapping[str, str]) -> JSON:
        """A token for a signed JWT. form: client_id, client_secret, jwt_token. `expires_in` of the
        answer is in milliseconds.

        Raises, the first in this order: AUT-2005 (a field is missing), AUT-2001, AUT-2002, AUT-2003
        (the JWT), AUT-2001 (its `aud`), AUT-2004 (its metascopes).
        Source: platform contract, 2.1 and 2.3.
        """
        credential = self._authenticated(form)
        if not credential.certificate:
            raise Rejected("AUT-2002", "The project may not exchange JWTs")
        claims = self._claims(form.get("jwt_token", ""), credential)
        metascopes = self._metascopes(claims, credential)
        return self._answer(credential, metascopes, unit_ms=1)

    def client_credentials(self, form: Mapping[str, str]) -> JSON:
        """A token for a client secret. form: grant_type, client_id, client_secret, scope (separated
        by commas or spaces; all that are granted when absent). `expires_in` is in seconds.

        Raises, the first in this order: AUT-2005 (no grant type, or a field is missing), AUT-2006,
        AUT-2001, AUT-2002, AUT-2004. Source: platform contract, 2.2 and 2.3.
        """
        grant_type = form.get("grant_type", "")
        if not grant_type:
            raise Malformed("AUT-2005", "grant_type is missing")
        if grant_type != "client_credentials":
            raise Malformed("AUT-2006")
        credential = self._authenticated(form)
        asked = form.get("scope", "").replace(",", " ").split()
        if not set(asked) <= set(credential.scopes):
            raise Rejected("AUT-2004")
        return self._answer(credential, asked or credential.scopes, unit_ms=1000)

    def issued(self, client_id: str) -> str:
        """A token with all scopes of a credential. Raises NotFound AUT-2001."""
        credential = self._definitions.credential(client_id)
        if credential is None:
            raise NotFound("AUT-2001")
        return self._signed(credential, (*credential.scopes, *credential.metascopes))[0]

    def verified(self, token: str, installation: Installation | None = None) -> Principal:
        """Whom a token speaks for. installation: the newest one, when the caller has just read it.

        Raises Rejected AUT-1002 for a token that is malformed, not ours, expired, or whose
        credential is gone.
        """
        installation = installation or self._definitions.installation()
        known = self._remembered.get(token)
        if known is None or known.generation != installation.generation:
            known = self._checked(token, known, installation)
        if known.principal.expires_ms <= self._clock.now_ms():
            self._remembered.pop(token, None)
            raise Rejected("AUT-1002")
        return known.principal

    def _checked(
        self, token: str, known: _Remembered | None, installation: Installation
    ) -> _Remembered:
        principal = self._principal(token) if known is None else known.principal
        credential = installation.credentials.get(principal.client_id)
        if credential is None or credential.org_id != principal.org_id:
            self._remembered.pop(token, None)
            raise Rejected("AUT-1002")
        remembered = _Remembered(principal, installation.generation)
        with self._turn:
            while len(self._remembered) >= REMEMBERED_MAX:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[token] = remembered
        return remembered

    def _principal(self, token: str) -> Principal:
        if len(token) > TOKEN_LENGTH_MAX:
            raise Rejected("AUT-1002")
        try:
            claims = jwt.decode(token, self._public_key, algorithms=[ALGORITHM], options=_options())
            if claims["type"] != "access_token":
                raise Rejected("AUT-1002")
            return Principal(
                client_id=claims["client_id"],
                org_id=claims["org"],
                scopes=frozenset(claims["scope"].split(",")),
                expires_ms=int(claims["created_at"]) + int(claims["expires_in"]),
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError) as bad:
            raise Rejected("AUT-1002") from bad

    def _authenticated(self, form: Mapping[str, str]) -> Credential:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if not client_id:
            raise Malformed("AUT-2005", "client_id is missing")
        if not secret:
            raise Malformed("AUT-2005", "client_secret is missing")
        credential = self._definitions.credential(client_id)
        if credential is None:
            raise Rejected("AUT-2001")
        if not credentials.is_secret(credential, secret):
            raise Rejected("AUT-2002")
        return credential

    def _claims(self, token: str, credential: Credential) -> dict[str, Any]:
        """The claims of a JWT that the credential's key has signed and that holds now."""
        if not token or len(token) > TOKEN_LENGTH_MAX:
            raise Malformed("AUT-2003", "jwt_token is missing or too long")
        key = x509.load_pem_x509_certificate(credential.certificate.encode()).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise Malformed("AUT-2003", "The project's certificate has no RSA key")
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[ALGORITHM], options=_options()
            )
        except (jwt.PyJWTError, ValueError, TypeError) as bad:
            raise Malformed("AUT-2003", "The JWT's form or signature is wrong") from bad
        now_s = self._clock.now_ms() // 1000
        expires, not_before = claims.get("exp"), claims.get("nbf", now_s)
        if type(expires) is not int:
            raise Malformed("AUT-2003", "exp must be an integer")
        if expires <= now_s:
            raise Malformed("AUT-2003", "The JWT has expired")
        if type(not_before) is not int or not_before > now_s + NOT_BEFORE_LEEWAY_S:
            raise Malformed("AUT-2003", "The JWT is not valid yet")
        if claims.get("iss") != credential.org_id:
            raise Malformed("AUT-2003", "iss is not the project's organisation")
        if claims.get("sub") != credential.technical_account:
            raise Malformed("AUT-2003", "sub is not the project's technical account")
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if not any(self._is_place(name, f"/c/{credential.client_id}") for name in named):
            raise Malformed("AUT-2001", "aud does not name this server and client")
        return claims

    def _metascopes(self, claims: Mapping[str, Any], credential: Credential) -> tuple[str, ...]:
        """The metascopes that the claims ask for: `https://{host}/s/{metascope}`: true."""
        asked = []
        for name, value in claims.items():
            metascope = name.rpartition("/s/")[2]
            if value is True and self._is_place(name, f"/s/{metascope}"):
                asked.append(metascope)
        if not asked:
            raise Malformed("AUT-2004", "The JWT asks for no metascope")
        if not set(asked) <= set(credential.metascopes):
            raise Malformed("AUT-2004", "A metascope is not granted to the project")
        return tuple(asked)

    def _is_place(self, url: Any, path: str) -> bool:
        """Whether `url` is this path at one of the accepted hosts."""
        if not isinstance(url, str) or not url.endswith(path):
            return False
        scheme, separator, host = url[: -len(path)].partition("://")
        return bool(separator) and scheme in ("http", "https") and host.lower() in self._hosts

    def _answer(self, credential: Credential, scopes: Any, *, unit_ms: int) -> JSON:
        token, expires_ms = self._signed(credential, tuple(scopes))
        # One less than the whole life: at its last millisecond a token is over already.
        left_ms = expires_ms - self._clock.now_ms() - 1
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": left_ms // unit_ms,
        }

    def _signed(self, credential: Credential, scopes: tuple[str, ...]) -> tuple[str, int]:
        """A new token and when it expires, in epoch ms."""
        now_ms = self._clock.now_ms()
        claims = {
            "type": "access_token",
            "client_id": credential.client_id,
            "user_id": credential.technical_account,
            "org": credential.org_id,
            "scope": ",".join(dict.fromkeys(scopes)),
            "created_at": str(now_ms),
            "expires_in": str(self._life_ms),
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM), now_ms + self._life_ms


def _options() -> Any:
    return dict(_UNCHECKED)


def _hosts(settings: Settings) -> frozenset[str]:
    """Hosts that a JWT may name: the setting's, and the server's own with and without port."""
    hosts = {host.strip().lower() for host in settings.ims_hosts.split(",") if host.strip()}
    own = urlsplit(settings.base_url)
    name, port = own.netloc.lower(), own.port
    bare = name.removesuffix(f":{port}")
    for host in _LOOPBACK if bare in (*_LOOPBACK, "0.0.0.0") else (bare,):
        hosts.update((host, f"{host}:{port}") if port else (host,))
    return frozenset(hosts)
