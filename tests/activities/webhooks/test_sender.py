"""What is sent to a receiver, and where nothing is sent to."""

import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from activities.webhooks import sender
from activities.webhooks.sender import Answer, WebhookSender
from offers.lifecycle.webhook_events import WebhookEvent
from offers.policy.webhooks import WebhookEndpoint, WebhookRules
from tests.support.webhook_receiver import HOST, OTHER_SECRET, SECRET, Receiver


def send(url: str, event: WebhookEvent, *secrets: str, allow_private: bool = True) -> Answer:
    sending = WebhookSender({"crm": secrets or (SECRET,)}, allow_private=allow_private)
    return sending.send(WebhookEndpoint(name="crm", url=url), event)


def test_receiver_verifies_what_is_sent(receiver: Receiver, event: WebhookEvent) -> None:
    assert send(receiver.url, event).is_delivered
    (received,) = receiver.received
    assert (received.path, received.id) == ("/offers?token=receiver", "msg_1")
    assert received.body == (
        b'{"type":"offer.stage_changed","timestamp":"2026-03-02T09:00:00Z",'
        b'"data":{"offer":"0065g00000AbCdEAAV","stage":"shared"}}'
    )
    sent = datetime.fromtimestamp(int(received.headers["webhook-timestamp"]), UTC)
    assert abs(sent - datetime.now(UTC)) < timedelta(minutes=1), "real time, not the event's"


def test_wrong_secret_is_noticed(receiver: Receiver, event: WebhookEvent) -> None:
    assert str(send(receiver.url, event, OTHER_SECRET)) == "it answers 400"
    assert receiver.forged == 1


@pytest.mark.parametrize("known", [SECRET, OTHER_SECRET])
def test_both_secrets_sign_while_one_is_exchanged(
    receiver: Receiver, event: WebhookEvent, known: str
) -> None:
    receiver.secret = known
    assert send(receiver.url, event, SECRET, OTHER_SECRET).is_delivered


@pytest.mark.parametrize("status", [199, 301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_only_success_is_delivery(receiver: Receiver, event: WebhookEvent, status: int) -> None:
    receiver.answers = [(status, {"Location": receiver.url})] if status > 199 else [(300, {})]
    answer = send(receiver.url, event)
    assert not answer.is_delivered
    assert not answer.is_gone
    assert len(receiver.attempts) == 1, "a redirect was followed"


@pytest.mark.parametrize("status", [200, 202, 204])
def test_every_success_is_delivery(receiver: Receiver, event: WebhookEvent, status: int) -> None:
    receiver.answers = [(status, {})]
    assert send(receiver.url, event).is_delivered


def test_receiver_that_wants_no_events_any_more(receiver: Receiver, event: WebhookEvent) -> None:
    receiver.answers = [(410, {})]
    assert send(receiver.url, event).is_gone


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta(seconds=1)),
        ("999999999", timedelta(hours=1)),
        ("9" * 400, None),
        ("²", None),
        ("soon", None),
        ("Fri, 01 Jan 2100 00:00:00 GMT", timedelta(hours=1)),
        ("Fri, 01 Jan 2100 00:00:00 -0000", timedelta(hours=1)),
        ("Thu, 01 Jan 2015 00:00:00 GMT", timedelta(seconds=1)),
    ],
)
def test_pause_that_a_receiver_asks_for(
    receiver: Receiver, event: WebhookEvent, header: str, pause: timedelta | None
) -> None:
    receiver.answers = [(503, {"Retry-After": header.encode("utf-8").decode("latin-1")})]
    assert send(receiver.url, event).retry_after == pause


def test_slow_receiver(
    receiver: Receiver, event: WebhookEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out for each byte is no deadline."""
    monkeypatch.setattr(sender, "DEADLINE", 0.5)
    receiver.slow = "status"
    began = time.monotonic()
    assert str(send(receiver.url, event)) == "no answer within 0.5 seconds"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("part", ["headers", "body"])
def test_what_follows_the_status_is_not_waited_for(
    receiver: Receiver, event: WebhookEvent, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(sender, "DEADLINE", 0.5)
    receiver.slow = part
    began = time.monotonic()
    assert send(receiver.url, event).is_delivered
    assert time.monotonic() - began < 5


def test_headers_without_end(receiver: Receiver, event: WebhookEvent) -> None:
    receiver.answers = [(200, {"X": "x" * 100_000})]
    assert str(send(receiver.url, event)) == "the connection fails"


def test_receiver_without_a_server(event: WebhookEvent, unused_tcp_port: int) -> None:
    answer = send(f"https://127.0.0.1:{unused_tcp_port}/", event)
    assert str(answer) == "the connection fails"


def test_private_address_is_refused_unless_it_is_allowed(
    receiver: Receiver, event: WebhookEvent
) -> None:
    answer = send(receiver.url, event, allow_private=False)
    assert str(answer) == "its address is in a private network"
    assert receiver.attempts == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
)
def test_name_of_a_private_address(
    event: WebhookEvent, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """One of several is enough."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in ("1.1.1.1", address)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    answer = send(f"https://{HOST}/", event, allow_private=False)
    assert str(answer) == "its address is in a private network"


def test_name_whose_address_changes_after_the_check(
    receiver: Receiver, event: WebhookEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was checked is what is connected to: the name is not looked up again."""
    looked_up, connected_to = [], []
    look_up, connect = socket.getaddrinfo, socket.create_connection

    def changing(host: Any, *rest: Any, **named: Any) -> Any:
        if host != HOST:
            return look_up(host, *rest, **named)
        looked_up.append(host)
        address = "93.184.215.14" if len(looked_up) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, receiver.port))]

    def recorded(address: tuple[str, int], *_: Any) -> Any:
        connected_to.append(address[0])
        # There is no internet in a test; what follows is as if the address were the receiver's.
        return connect(("127.0.0.1", receiver.port))

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    monkeypatch.setattr(socket, "create_connection", recorded)
    url = f"https://{HOST}:{receiver.port}/"
    assert send(url, event, allow_private=False).is_delivered, "its certificate has the name"
    assert (looked_up, connected_to) == ([HOST], ["93.184.215.14"])
    assert str(send(url, event, allow_private=False)) == "its address is in a private network"


def test_certificate_of_another_name_or_authority(
    receiver: Receiver, event: WebhookEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        str(send(f"https://localhost:{receiver.port}/", event)) == "its certificate is not trusted"
    )
    monkeypatch.delenv("SSL_CERT_FILE")
    assert str(send(receiver.url, event)) == "its certificate is not trusted"
    assert receiver.attempts == []


def test_name_that_does_not_exist(event: WebhookEvent, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert str(send("https://nowhere.invalid/", event)) == "its name has no address"


def test_policy_without_a_private_address() -> None:
    with pytest.raises(ValidationError, match="the address of crm is in a private network"):
        WebhookRules(endpoints=(WebhookEndpoint(name="crm", url="https://10.0.0.1/"),))
