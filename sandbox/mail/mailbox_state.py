"""The messages that were received."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Mail:
    """A message in the mailbox."""

    number: int
    received_at: datetime
    sender: str
    recipients: list[str]
    subject: str
    message_id: str
    headers: dict[str, str]
    text: str
    html: str


@dataclass
class Mailbox:
    """Every message, in the order it was received."""

    messages: list[Mail] = field(default_factory=list)
