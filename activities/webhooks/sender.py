"""Sends one event to one receiver: signed, to a checked address, without redirects, for seconds."""

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPException
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from activities.errors import parse_retry_after
from activities.guarded_connection import GuardedConnection, NotReachable
from activities.webhooks.secrets import Secrets
from offers.lifecycle.webhook_events import WebhookEvent
from offers.model import FrozenModel
from offers.policy.webhooks import WebhookEndpoint

DEADLINE = 10.0
"""Seconds for everything after the name was looked up.  Real time."""
HTTPS_PORT = 443
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(hours=1)
"""What a receiver's `Retry-After` can ask for."""


class Answer(FrozenModel):
    """What a receiver answered, or why it did not."""

    status: int | None = None
    problem: str | None = None
    """Why there was no answer."""
    retry_after: timedelta | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no events any more (Standard Webhooks: 410)."""
        return self.status == HTTPStatus.GONE

    def __str__(self) -> str:
        return self.problem or f"it answers {self.status}"


class WebhookSender:
    """Sends events."""

    def __init__(self, secrets: Secrets, *, allow_private: bool) -> None:
        """`secrets`: of each receiver that is sent to."""
        self._secrets = secrets
        self._allow_private = allow_private

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        # With SSL_CERT_FILE, OpenSSL trusts the authorities of that file.  It takes 25 ms.
        return ssl.create_default_context()

    def send(self, endpoint: WebhookEndpoint, event: WebhookEvent) -> Answer:
        """What was answered.  The body of the answer is not read."""
        parts = urlsplit(endpoint.url)
        path = parts._replace(scheme="", netloc="", path=parts.path or "/").geturl()
        body = event.body
        deadline = time.monotonic() + DEADLINE
        try:
            with GuardedConnection(
                endpoint.host,
                parts.port or HTTPS_PORT,
                self._trusted,
                deadline,
                any_address=self._allow_private,
                silence=DEADLINE,
            ) as connection:
                headers = self._headers(endpoint.name, event.id, body)
                connection.request("POST", path, body.encode(), headers)
                answer = connection.getresponse()
                pause = parse_retry_after(answer.getheader("Retry-After"))
                if pause is not None:
                    pause = min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE)
                return Answer(status=answer.status, retry_after=pause)
        except (OSError, HTTPException, UnicodeError) as error:
            return Answer(problem=_problem(error, late=time.monotonic() >= deadline))

    def _headers(self, name: str, event_id: str, body: str) -> dict[str, str]:
        now = datetime.now(UTC)  # of this attempt: receivers refuse what is minutes old
        return {
            "content-type": "application/json",
            "user-agent": "Offerflow",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(
                Webhook(secret).sign(event_id, now, body) for secret in self._secrets[name]
            ),
        }


def _problem(error: Exception, *, late: bool) -> str:
    match error:
        case NotReachable():
            return "its address is in a private network"
        case ssl.SSLCertVerificationError():
            return "its certificate is not trusted"
        case socket.gaierror() | UnicodeError():
            return "its name has no address"
        case TimeoutError():
            return f"no answer within {DEADLINE:g} seconds"
    return f"no answer within {DEADLINE:g} seconds" if late else "the connection fails"
