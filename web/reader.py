"""One reader of Temporal's list of offers, for all browsers and programs."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from temporalio.client import Client
from temporalio.service import RPCError

from activities.temporal import offer_summaries
from activities.temporal.offer_summaries import ListedOffer, newest_runs
from client.listing import OfferRow, row_of
from client.offer_selection import needy_first, searchable_text
from offers.lifecycle.attentions import AttentionCode
from offers.policy.policy import Policy
from web.rejection import Rejection

SHORTEST_PAUSE = timedelta(seconds=0.5)
QUICK = 0.3
"""Seconds: a page waits for another reading if the last one took less."""
ENOUGH = timedelta(seconds=0.2)
FOR_PROGRAMS = timedelta(seconds=1)
"""Programs that ask often need not wait for another reading each time."""
NEXT_READING = timedelta(seconds=2)
WITHOUT_BROWSERS = timedelta(seconds=15)
"""Between two readings while no page is open."""
REST = 3
"""A reading that takes a second is followed by so many seconds of rest: of 10,000 offers the
reading alone would else take a core."""
NOT_FAILED = "ExecutionStatus != 'Failed'"
FIRST_READING = timedelta(seconds=20)
"""How long a request waits for the first reading."""


def for_approvers(policy: Policy) -> frozenset[AttentionCode]:
    """The attentions that an approver can resolve.

    An offer keeps the policy that it was checked with, which the list does not have.
    """
    codes = {AttentionCode.APPROVAL_REQUIRED, AttentionCode.REFUND_AWAITING_APPROVAL}
    if policy.confirm_account.role is not None:
        codes.add(AttentionCode.ACCOUNT_UNCONFIRMED)
    return frozenset(codes)


@dataclass(frozen=True, eq=False)
class Reading:
    """The offers as they were read."""

    runs: list[ListedOffer] = field(default_factory=list)
    """Every run, the oldest first."""
    rows: list[OfferRow] = field(default_factory=list)
    """The newest run of each offer, what needs somebody first."""
    version: int = 0
    """Another one after each change."""

    @cached_property
    def newest(self) -> list[ListedOffer]:
        """The newest run of each offer."""
        return newest_runs(self.runs)

    @cached_property
    def texts(self) -> dict[str, str]:
        """What a search looks through, by the offer's path."""
        return {row.opportunity_id: searchable_text(row) for row in self.rows}

    @cached_property
    def by_path(self) -> dict[str, OfferRow]:
        """The rows by the offer's path."""
        return {row.opportunity_id: row for row in self.rows}

    @cached_property
    def attentions(self) -> list[str]:
        """The codes of all that needs somebody."""
        return sorted({code for row in self.rows for code in row.attentions})

    @cached_property
    def needing_somebody(self) -> list[OfferRow]:
        """The offers that have an attention."""
        return [row for row in self.rows if row.attentions]

    def needing_approval(self, policy: Policy) -> list[OfferRow]:
        """The offers that wait for an approver."""
        codes = for_approvers(policy)
        return [row for row in self.needing_somebody if not codes.isdisjoint(row.attentions)]

    @cached_property
    def perhaps_needing_approval(self) -> list[OfferRow]:
        """Those that cannot be read: what waits behind the first attention is not known."""
        return [row for row in self.unreadable if row.attentions]

    def runs_for_approvers(self, policy: Policy) -> list[ListedOffer]:
        """What is known of the offers that wait, or may wait, for an approver."""
        rows = (*self.needing_approval(policy), *self.perhaps_needing_approval)
        return [self._newest_by_path[row.opportunity_id] for row in rows]

    @cached_property
    def _newest_by_path(self) -> dict[str, ListedOffer]:
        return {run.path: run for run in self.newest}

    @cached_property
    def unreadable(self) -> list[OfferRow]:
        """The offers of which only the search attributes are known: the first attention alone."""
        return [row for row in self.rows if row.problem]

    @cached_property
    def by_id(self) -> list[OfferRow]:
        """The rows in an order that does not change when an offer does."""
        return sorted(self.rows, key=lambda row: row.opportunity_id)


class Reader:
    """Reads the list again and again, and tells when it has changed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._changed = asyncio.Condition()
        self._asked = asyncio.Event()
        self.reading = Reading()
        self.problem: str | None = "the list of offers has not been read yet"
        """Why what is shown may be old."""
        self.read_at: float | None = None
        """Of the monotonic clock."""
        self.browsers = 0
        """Whose pages are kept live."""
        self._rows: dict[str, tuple[ListedOffer, OfferRow]] = {}
        """The newest run of each offer with its row, by the offer's path."""
        self._began_at = 0.0
        self._took = 0.0
        """Seconds of the last reading."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Reads until the block ends."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @contextmanager
    def browser(self) -> Iterator[None]:
        """A page is open, and kept live, until the block ends."""
        self.browsers += 1
        try:
            yield
        finally:
            self.browsers -= 1

    async def current(self, may_be_old: timedelta = ENOUGH) -> Reading:
        """As it is now if reading takes no time, and else what was read last.

        `may_be_old`: what was read since so long a time is new enough.
        """
        self._asked.set()
        oldest = time.monotonic() - may_be_old.total_seconds()
        if self.read_at is None:
            await self._wait(lambda: self.read_at is not None, FIRST_READING)
        elif self._took < QUICK:
            await self._wait(lambda: self._began_at >= oldest, NEXT_READING)
        return self.reading

    async def known(self, may_be_old: timedelta = ENOUGH) -> Reading:
        """The same, for whoever takes an empty list for an answer; raises Rejection (503) if the
        list was never read.
        """
        reading = await self.current(may_be_old)
        if self.read_at is None:
            raise Rejection(
                503, "list-unread", str(self.problem), "Try again in a minute", retry_after=60
            )
        return reading

    async def newer_than(self, version: int, within: timedelta) -> Reading:
        """The next reading that differs; the same one if nothing has changed in that time."""
        self._asked.set()
        await self._wait(lambda: self.reading.version != version, within)
        return self.reading

    async def _wait(self, condition: Callable[[], bool], within: timedelta) -> None:
        async with self._changed:
            with suppress(TimeoutError):
                async with asyncio.timeout(within.total_seconds()):
                    await self._changed.wait_for(condition)

    def ask(self) -> None:
        """Read again soon: something was just changed here."""
        self._asked.set()

    async def _run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                known = self.reading.runs
                runs = await offer_summaries.list_offers(self._client, NOT_FAILED, known)
                await self._take(runs, began)
                self.problem = None
            except RPCError as error:
                self.problem = f"Temporal does not answer ({error.status.name.lower()})"
                logging.getLogger(__name__).warning("the list of offers was not read: %s", error)
            except Exception as error:  # one odd run must not end the only reader
                self.problem = "the list of offers cannot be read"
                # Its text may be personal.
                name = type(error).__name__
                logging.getLogger(__name__).warning("the list of offers was not read: %s", name)
            await asyncio.sleep(max(SHORTEST_PAUSE.total_seconds(), REST * self._took))
            if not self.browsers:
                with suppress(TimeoutError):
                    async with asyncio.timeout(WITHOUT_BROWSERS.total_seconds()):
                        await self._asked.wait()
            self._asked.clear()

    def _rows_of(self, runs: list[ListedOffer]) -> list[OfferRow]:
        before, self._rows = self._rows, {}
        for run in newest_runs(runs):
            same, row = before.get(run.path, (None, None))
            self._rows[run.path] = (run, row if row and same is run else row_of(run))
        return needy_first(row for _, row in self._rows.values())

    async def _take(self, runs: list[ListedOffer], began: float) -> None:
        changed = runs != self.reading.runs or self.read_at is None
        # The first time, of 10,000 offers, it takes a second, in which no call would be answered.
        rows = await asyncio.to_thread(self._rows_of, runs) if changed else self.reading.rows
        async with self._changed:
            self.read_at = time.monotonic()
            self._began_at, self._took = began, self.read_at - began
            if changed:
                self.reading = Reading(runs, rows, self.reading.version + 1)
            self._changed.notify_all()


def age(reader: Reader) -> timedelta | None:
    """How old what is shown is; None: nothing was read."""
    if reader.read_at is None:
        return None
    return timedelta(seconds=time.monotonic() - reader.read_at)
