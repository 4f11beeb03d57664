"""The state that all simulated systems share."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from sandbox.aws.marketplace_state import Aws
from sandbox.billing.billing_state import Money
from sandbox.clazar.clazar_state import Clazar
from sandbox.faults import Faults
from sandbox.mail.mailbox_state import Mailbox
from sandbox.operations import is_write, only_writes
from sandbox.salesforce.salesforce_state import Salesforce
from sandbox.scheduler import Scheduler


class World(Scheduler):
    """The state of each simulated system, and the scheduled calls that will change it."""

    scale: float = 1
    """Business seconds in one real second: vendors count calls in business time."""

    def __init__(self, now: Callable[[], datetime], aws: Aws | None = None) -> None:
        super().__init__(now)
        self.aws = aws or Aws(self.now)
        self.money = Money()
        self.clazar = Clazar()
        self.salesforce = Salesforce()
        self.mail = Mailbox()
        self.faults = Faults()
        self.calls: Counter[tuple[str, str]] = Counter()
        """Calls by (system, operation), including those that failed."""

    def count_call(self, system: str, operation: str) -> None:
        """Count a call.  Raises UnclassifiedOperation."""
        is_write(system, operation)
        self.calls[system, operation] += 1

    @property
    def writes(self) -> int:
        """The number of calls of write operations, including those that failed."""
        return sum(only_writes(self.calls).values())
