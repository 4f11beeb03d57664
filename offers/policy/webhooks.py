"""Webhooks: to whom events of offers are sent.  A part of a company's policy."""

import re
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from offers.findings import illegal
from offers.ip_addresses import is_global
from offers.model import FrozenModel

MOST_ENDPOINTS = 5
"""An event is delivered to all of them, one after the other, by one activity."""
LONGEST_URL = 2000


class EventGroup(StrEnum):
    """The kinds of events that a receiver can choose."""

    STAGES = "stages"
    ATTENTIONS = "attentions"
    PAYMENTS = "payments"


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", value):
        raise illegal("it is no name of a webhook", "Use small letters, digits and -, up to 40")
    return value


def _address(value: str) -> str:
    how = "Write it like https://hooks.example.com/offers"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise illegal("it is no address of the web", how) from None
    if not host or port == 0 or not re.fullmatch(rf"[!-~]{{1,{LONGEST_URL}}}", value):
        raise illegal("it is no address of the web", how)
    if parts.scheme != "https":
        raise illegal("it does not begin with https://, and what is sent could be read", how)
    if parts.username is not None or parts.fragment:
        raise illegal("it has a user name or a fragment, which are not sent", how)
    return value


def _some(events: tuple[EventGroup, ...]) -> tuple[EventGroup, ...]:
    if not events:
        raise illegal("no events are named", "Name some, or remove the webhook")
    return events


class WebhookEndpoint(FrozenModel, extra="forbid"):
    """A receiver of events."""

    name: Annotated[str, AfterValidator(_name)]
    url: Annotated[str, AfterValidator(_address)] = Field(repr=False)
    """It may contain a token of the receiver's."""
    events: Annotated[tuple[EventGroup, ...], AfterValidator(_some)] = tuple(EventGroup)

    @property
    def host(self) -> str:
        """The name or address of its server."""
        return urlsplit(self.url).hostname or ""


class WebhookRules(FrozenModel, extra="forbid"):
    """Who receives events, and where."""

    allow_private: bool = False
    """Whether receivers may be in a private network."""
    endpoints: tuple[WebhookEndpoint, ...] = Field(default=(), max_length=MOST_ENDPOINTS)

    @field_validator("endpoints")
    @classmethod
    def _deliverable(
        cls, endpoints: tuple[WebhookEndpoint, ...], info: ValidationInfo
    ) -> tuple[WebhookEndpoint, ...]:
        names = [each.name for each in endpoints]
        if twice := sorted({each for each in names if names.count(each) > 1}):
            raise illegal(f"{twice[0]} is named twice", "Give each webhook a name of its own")
        if not info.data.get("allow_private", True):
            for each in endpoints:
                if _is_private(each.host):
                    raise illegal(
                        f"the address of {each.name} is in a private network",
                        "Give one of the internet, or set allow_private = true",
                    )
        return endpoints

    def receivers(self, group: EventGroup) -> tuple[WebhookEndpoint, ...]:
        """Who wants these events."""
        return tuple(each for each in self.endpoints if group in each.events)


def _is_private(host: str) -> bool:
    try:
        return not is_global(host)
    except ValueError:  # a name: its addresses are checked when it is connected to
        return False
