"""The messages that were received."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Mail:
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
    messages: list[Mail] = field(default_factory=list)
