"""Salesforce's REST API through simple-salesforce, with a token, timeouts and retries of our own.

simple-salesforce has no timeouts, and its token refresh recurses endlessly if the 401 persists.
With a session id it does neither, so both are done here.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import jwt
import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce as SalesforceApi
from simple_salesforce.exceptions import SalesforceError, SalesforceExpiredSession

from activities.errors import (
    SALESFORCE,
    salesforce_failure,
    salesforce_login_failure,
    unavailable,
)
from offers.model import FrozenModel

API_VERSION = "66.0"
TIMEOUT_SECONDS = (3.05, 30)
"""Seconds to connect and to answer."""
ASSERTION_SECONDS = 180

T = TypeVar("T")


class SalesforceLogin(FrozenModel):
    """How to get a token: by client credentials, or by a signed assertion (JWT bearer)."""

    url: str
    """The org's own login URL, such as https://example.my.salesforce.com."""
    client_id: str
    client_secret: SecretStr | None = None
    username: str | None = None
    private_key: SecretStr | None = None

    def form(self) -> dict[str, str]:
        """The body of the token request."""
        if self.client_secret is not None:
            return {
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self.client_secret.get_secret_value(),
            }
        if self.private_key is None or self.username is None:
            raise ValueError("neither a client secret nor a user name and private key")
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": self.url,
            "exp": int(time.time()) + ASSERTION_SECONDS,
        }
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode(claims, self.private_key.get_secret_value(), "RS256"),
        }


class SalesforceClient:
    """Thread-safe calls to Salesforce."""

    def __init__(self, login: SalesforceLogin, ca_file: str | None = None) -> None:
        self._login = login
        self._ca_file = ca_file
        self._logging_in = threading.Lock()
        self._generation = 0
        self._token: tuple[str, str] | None = None
        # A session of requests is not documented as thread-safe.
        self._local = threading.local()

    def call(self, use: Callable[[SalesforceApi], T]) -> T:
        """The result of `use`; raises the ApplicationError to fail with."""
        try:
            generation, api = self._api(newer_than=None)
            try:
                return use(api)
            except SalesforceExpiredSession:
                _, api = self._api(newer_than=generation)
                return use(api)
        except (SalesforceError, requests.RequestException) as error:
            raise salesforce_failure(error) from None
        except (KeyError, TypeError):  # an answer without the members that `use` reads
            raise unavailable(SALESFORCE, "an answer is not Salesforce's") from None

    def _api(self, newer_than: int | None) -> tuple[int, SalesforceApi]:
        with self._logging_in:
            # If several threads see the same expired token, only the first logs in.
            if self._token is None or self._generation == newer_than:
                self._token = self._log_in()
                self._generation += 1
            generation, (session_id, instance_url) = self._generation, self._token
        api = SalesforceApi(
            session_id=session_id,
            instance_url=instance_url,
            version=API_VERSION,
            session=self._session(),
            object_pairs_hook=dict,
        )
        return generation, api

    def _log_in(self) -> tuple[str, str]:
        response = self._session().post(
            f"{self._login.url.rstrip('/')}/services/oauth2/token", data=self._login.form()
        )
        answer = _json_object(response)
        if response.status_code != 200:
            error = str(answer.get("error", ""))[:80]
            raise salesforce_login_failure(response.status_code, error)
        token, instance_url = answer.get("access_token"), answer.get("instance_url")
        if not (isinstance(token, str) and isinstance(instance_url, str)):
            raise unavailable(SALESFORCE, "login answers without a token")
        return token, instance_url

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.mount("https://", _TimeoutAdapter())
            if self._ca_file is not None:
                # Otherwise a certificate bundle from the environment would replace ours.
                session.trust_env = False
                session.verify = self._ca_file
            self._local.session = session
        reused: requests.Session = self._local.session
        return reused


class _TimeoutAdapter(HTTPAdapter):
    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or TIMEOUT_SECONDS
        return super().send(request, *args, **kwargs)


def _json_object(response: requests.Response) -> dict[str, Any]:
    """An answer's JSON object; empty if it has none."""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
