"""The messages that were received."""

from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import cached_property


@dataclass
class Mail:
    """What is in it is parsed when it is read: that takes longer than to receive it."""

    number: int
    received_at: datetime
    sender: str
    recipients: list[str]
    content: bytes

    @cached_property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.content, policy=default)
        assert isinstance(message, EmailMessage)
        return message

    @cached_property
    def subject(self) -> str:
        return str(self.message.get("Subject", ""))

    @cached_property
    def message_id(self) -> str:
        return str(self.message.get("Message-ID", "")).strip()

    @cached_property
    def headers(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.message.items()}

    @cached_property
    def text(self) -> str:
        return self._part("plain")

    @cached_property
    def html(self) -> str:
        return self._part("html")

    def _part(self, subtype: str) -> str:
        """The body of this subtype; empty if the message has none."""
        part = self.message.get_body((subtype,))
        return "" if part is None else str(part.get_content())


@dataclass
class Mailbox:
    messages: list[Mail] = field(default_factory=list)
