"""The state that all simulated systems share."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from sandbox.aws.marketplace_state import Aws
from sandbox.billing.billing_state import Money
from sandbox.clazar.clazar_state import Clazar
from sandbox.faults import Faults
from sandbox.mail.mailbox_state import Mailbox
from sandbox.salesforce.org import Salesforce
from sandbox.scheduler import Scheduler

READ_VERBS = (
    "AUTH",
    "Authenticate",
    "Describe",
    "Get",
    "Head",
    "List",
    "Query",
    "RCPT",
    "Search",
    "Token",
)
"""How the names of operations begin that change nothing at a vendor."""
NOT_SIMULATED = "Unknown"


class World(Scheduler):
    """The state of each simulated system, and the scheduled calls that will change it."""

    scale: float = 1
    """Business seconds in one real second: vendors count calls in business time."""

    def __init__(self, now: Callable[[], datetime], aws: Aws | None = None) -> None:
        super().__init__(now)
        self.aws = aws or Aws(self.now)
        self.money = Money()
        self.clazar = Clazar()
        self.salesforce = Salesforce(self.now)
        self.mail = Mailbox()
        self.faults = Faults()
        self.operations: set[tuple[str, str]] = set()
        """What is simulated, by (system, operation)."""
        self.calls: Counter[tuple[str, str]] = Counter()
        """Calls by (system, operation), including those that failed."""

    @property
    def writes(self) -> int:
        """The number of calls of write operations, including those that failed."""
        return sum(
            count
            for (_, operation), count in self.calls.items()
            if not operation.startswith((*READ_VERBS, NOT_SIMULATED))
        )
