"""Asks every system about one offer, all at once and each for a limited time; writes nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.clazar.client import ClazarClient
from activities.clazar.offers import Clazar, FindOffers
from offers.agreements.agreement import Entitlement
from offers.diagnosis.snapshot import Snapshot, System, Unanswered
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.summary import OfferSummary
from offers.payouts.model import Payout
from offers.preflight.marketplace import ObservedOffer
from runtime import clients
from runtime.checks.items import failed
from runtime.settings import WorkerSettings

T = TypeVar("T")

SYSTEM_SECONDS = 20.0
"""For each system.  Real time."""
PAYOUT_SECONDS = 60.0
"""For the payout data, which is read as a whole.  Real time."""
THREADS = 8
LONGEST_LIFE = timedelta(days=400)
"""How old an offer may be that Clazar is asked for, if its own record is not known."""


async def take_snapshot(
    settings: WorkerSettings,
    summary: OfferSummary,
    record: OfferRecord | None,
    *,
    is_followed: bool,
    signed_in_account: str | None = None,
) -> tuple[Snapshot, tuple[Unanswered, ...]]:
    """What all systems say now, and which do not answer.  Raises InvalidSettings."""
    known = Snapshot(
        now=settings.clock.business_time(datetime.now(UTC)),
        summary=summary,
        record=record,
        is_followed=is_followed,
        rules=settings.policy().payouts,
        signed_in_account=signed_in_account,
        answered=frozenset({System.OFFER} if record else ()),
    )
    asking = _Asking(settings, known)
    try:
        return await asking.snapshot(), tuple(asking.unanswered)
    finally:
        await asking.close()


class _Asking:
    """The questions about one offer; one that fails hides no other."""

    def __init__(self, settings: WorkerSettings, known: Snapshot) -> None:
        self._settings = settings
        self._known = known
        self._aws = clients.AwsClients()
        # All clients are made here: boto3's session must not be used by two threads at once.
        self._lookup = MarketplaceLookup(self._aws.catalog, self._aws.agreement)
        self._s3 = self._aws.s3
        self._clazar: ClazarClient = clients.clazar_client(settings)
        # Not the loop's own: its end would be waited for.
        self._threads = ThreadPoolExecutor(THREADS, "diagnosis")
        self._answered = set(known.answered)
        self.unanswered: list[Unanswered] = []

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._clazar.close()

    async def snapshot(self) -> Snapshot:
        if self._known.offer_id is None:
            return self._known
        found = await asyncio.gather(
            self._offer_and_buyers(self._known.offer_id),
            self._agreements_and_money(self._known.offer_id),
            self._in_clazar(self._known.offer_id),
        )
        updates = {name: value for part in found for name, value in part.items()}
        return self._known.model_copy(update={**updates, "answered": frozenset(self._answered)})

    async def _offer_and_buyers(self, offer_id: str) -> dict[str, object]:
        offer, amended = await asyncio.gather(
            self._ask_blocking(System.CATALOG, lambda: self._lookup.find_offer(offer_id)),
            self._amended(),
        )
        seen = self._known.model_copy(update={"offer": offer, "amended": amended})
        terms = self._known.record.terms if self._known.record else None
        product = (offer.product_id if offer else None) or self._settings.offers_product_id
        product_id = terms.product_id if terms else product
        signed_in = seen.signed_in_account
        accounts = dict.fromkeys((*seen.accounts, *([signed_in] if signed_in else [])))
        of_buyers = await self._ask_blocking(
            System.BUYERS,
            lambda: self._lookup.of_buyers(product_id, list(accounts), seen.today),
        )
        held, open_offers = of_buyers or ([], [])
        return {
            "offer": offer,
            "amended": amended,
            "held": tuple(held),
            "open_offers": tuple(each for each in open_offers if each.offer_id != offer_id),
        }

    async def _amended(self) -> object:
        replaces = self._known.record.replaces if self._known.record else None
        if replaces is None:
            return None
        return await self._ask_blocking(
            System.AGREEMENTS, lambda: self._lookup.find_agreement(replaces)
        )

    async def _agreements_and_money(self, offer_id: str) -> dict[str, object]:
        agreements = await self._ask_blocking(
            System.AGREEMENTS, lambda: self._lookup.agreements_of(offer_id)
        )
        seen = self._known.model_copy(update={"agreements": agreements or ()})
        if not (seen.agreements or seen.is_accepted or agreements is None):
            return {}
        ids = [each.agreement_id for each in seen.agreements]
        if not ids and (known_id := seen.summary.progress.agreement_id):
            ids = [known_id]
        entitlements, payout = await asyncio.gather(
            self._entitlements(ids),
            self._ask(System.PAYOUTS, lambda: self._payout(offer_id), PAYOUT_SECONDS),
        )
        return {
            "agreements": seen.agreements,
            "entitlements": entitlements,
            "reported_payout": payout,
        }

    async def _entitlements(self, agreement_ids: list[str]) -> tuple[Entitlement, ...]:
        def find() -> list[Entitlement]:
            return [e for each in agreement_ids for e in self._lookup.entitlements(each)]

        found = await self._ask_blocking(System.ENTITLEMENTS, find) if agreement_ids else None
        return tuple(found or ())

    async def _payout(self, offer_id: str) -> Payout | None:
        source = clients.payout_data(self._settings, self._clazar, self._aws)
        reading = await source.read({offer_id}, self._known.today)
        if offer_id in reading.incomplete:
            problem = "a part of what it has about this offer cannot be read"
            self.unanswered.append(Unanswered(system=System.PAYOUTS, problem=problem))
        return reading.payouts.get(offer_id)

    async def _in_clazar(self, offer_id: str) -> dict[str, object]:
        history = self._known.record.history if self._known.record else ()
        since = history[0].at if history else self._known.now - LONGEST_LIFE
        wanted = FindOffers(offer_id=offer_id, created_after=since)

        async def find() -> ObservedOffer | None:
            found = await Clazar(self._clazar).find_offers(wanted)
            return found[0] if found else None

        return {"in_clazar": await self._ask(System.CLAZAR, find)}

    async def _ask_blocking(self, system: System, question: Callable[[], T]) -> T | None:
        loop = asyncio.get_running_loop()
        return await self._ask(system, lambda: loop.run_in_executor(self._threads, question))

    async def _ask(
        self,
        system: System,
        question: Callable[[], Awaitable[T]],
        seconds: float | None = None,
    ) -> T | None:
        """The answer; None if there is none, which is then on record."""
        seconds = seconds or SYSTEM_SECONDS
        try:
            async with asyncio.timeout(seconds):
                answer = await question()
        except Exception as error:  # what fails must not hide the other systems
            problem = failed(error, seconds).detail
            self._answered.discard(system)
            self.unanswered.append(Unanswered(system=system, problem=problem))
            return None
        if not any(each.system is system for each in self.unanswered):
            self._answered.add(system)
        return answer
