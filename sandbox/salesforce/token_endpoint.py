"""The token endpoint: client credentials, and the JWT bearer flow."""

import base64
import binascii
import time
from collections.abc import Mapping
from urllib.parse import unquote

import jwt

from sandbox.oauth_client import OAuthClient
from sandbox.salesforce.errors import TokenError
from sandbox.salesforce.org import Salesforce

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
"""Audiences that an assertion may have besides the org's own address."""


def issue_token(
    org: Salesforce, form: Mapping[str, str], headers: Mapping[str, str], own_url: str
) -> str:
    """A new access token for these credentials.  `form` is the decoded body."""
    match form.get("grant_type"):
        case "client_credentials":
            _check_credentials(org.oauth, form, headers.get("Authorization"))
        case str(kind) if kind == JWT_BEARER:
            _check_assertion(org, form.get("assertion", ""), own_url)
        case _:
            raise TokenError("unsupported_grant_type", "grant type not supported")
    return org.oauth.issue_token()


def _check_credentials(
    access: OAuthClient, form: Mapping[str, str], authorization: str | None
) -> None:
    client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
    if authorization is not None:
        client_id, client_secret = _basic(authorization)
    if client_id != access.client_id:
        raise TokenError("invalid_client_id", "client identifier invalid")
    if not access.credentials_match(client_id, client_secret):
        raise TokenError("invalid_client", "invalid client credentials")


def _basic(authorization: str) -> tuple[str, str]:
    """Id and secret of an `Authorization: Basic …` header (RFC 6749, 2.3.1: form-encoded)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        client_id, secret = "", ""
    if scheme.lower() != "basic" or not client_id:
        raise TokenError("invalid_client", "invalid client credentials")
    return unquote(client_id), unquote(secret)


def _check_assertion(org: Salesforce, assertion: str, own_url: str) -> None:
    """Check issuer, subject, audience and expiry; the signature only if the org has the key."""
    key = org.public_key
    try:
        claims = jwt.decode(
            assertion,
            key or "",
            algorithms=["RS256"],
            options={
                "verify_signature": key is not None,
                "verify_aud": False,
                "verify_exp": False,
            },
        )
    except jwt.InvalidTokenError:
        raise TokenError("invalid_grant", "invalid assertion") from None
    if claims.get("iss") != org.oauth.client_id:
        raise TokenError("invalid_client_id", "client identifier invalid")
    if str(claims.get("aud", "")).rstrip("/") not in (own_url, *LOGIN_HOSTS):
        raise TokenError("invalid_grant", "audience is invalid")
    if not isinstance(claims.get("exp"), int) or claims["exp"] < time.time():
        raise TokenError("invalid_grant", "expired assertion")
    if claims.get("sub") != org.username:
        raise TokenError("invalid_grant", "user hasn't approved this consumer")
