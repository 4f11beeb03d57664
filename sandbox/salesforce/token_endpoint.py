"""The token endpoint: client credentials, and the JWT bearer flow."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote

import jwt
from jwt import exceptions

from sandbox.oauth_client import OAuthClient
from sandbox.salesforce.errors import TokenError
from sandbox.salesforce.org import Salesforce

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
"""Audiences that an assertion may have besides the org's own address."""
ASSERTION_ERRORS: dict[type[Exception], tuple[str, str]] = {
    exceptions.InvalidIssuerError: ("invalid_client_id", "client identifier invalid"),
    exceptions.InvalidSubjectError: ("invalid_grant", "user hasn't approved this consumer"),
    exceptions.InvalidAudienceError: ("invalid_grant", "audience is invalid"),
    exceptions.ExpiredSignatureError: ("invalid_grant", "expired assertion"),
}


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
    try:
        jwt.decode(
            assertion,
            org.public_key or "",
            algorithms=["RS256"],
            options={
                "require": ["iss", "sub", "aud", "exp"],
                "verify_signature": org.public_key is not None,
                "verify_exp": True,
                "verify_aud": True,
                "verify_iss": True,
                "verify_sub": True,
            },
            issuer=org.oauth.client_id,
            subject=org.username,
            audience=(own_url, *LOGIN_HOSTS),
        )
    except jwt.InvalidTokenError as error:
        code, description = ASSERTION_ERRORS.get(
            type(error), ("invalid_grant", "invalid assertion")
        )
        raise TokenError(code, description) from None
