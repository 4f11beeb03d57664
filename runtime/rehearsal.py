"""A rehearsal with the real vendors: one offer of the smallest amount, to an account of one's own.

What the product assumes of AWS, Clazar and Salesforce is tried, and what was seen is reported.  The
offer is withdrawn at the end, whatever happens before, unless it was accepted.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from simple_salesforce.exceptions import SalesforceError
from temporalio.exceptions import ApplicationError

from activities.aws import documents
from activities.aws.catalog import AwsCatalog
from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.clazar.offers import OFFERS_PATH
from activities.errors import Failure, aws_errors
from offers.agreements.agreement import Agreement, CancellationReasonCode
from offers.lifecycle.read_back import PublishedOffer, differences
from offers.model import FrozenModel
from offers.money import Money
from offers.terms.terms import OfferTerms
from runtime import clients
from runtime.settings import WorkerSettings

P = ParamSpec("P")
T = TypeVar("T")

NAME = "Offerflow rehearsal"
"""The beginning of the offers' names; the rest is the time (UTC)."""
SMALLEST_PRICE = Money(amount=Decimal("0.01"), currency="USD")
DAYS_TO_ACCEPT = 1
POLLING = timedelta(minutes=1)
"""Between two looks at what AWS, Clazar or the buyer take time for.  Business time."""
TRIES = 20
"""Of one call, a pause apart, while a vendor limits calls or does not answer."""
PASSING = (Failure.RATE_LIMITED, Failure.UNAVAILABLE, Failure.NOT_READY)
AWS_WITHIN = timedelta(hours=6)
CLAZAR_WITHIN = timedelta(hours=2)
WITHDRAWAL_REASON = CancellationReasonCode.TEST_AGREEMENT


class Fact(FrozenModel):
    """What was seen of a vendor."""

    system: str
    fact: str
    as_assumed: bool = True
    """Whether the product relies on just this."""


class RehearsalFailed(Exception):
    """The rehearsal cannot go on.  The text says why, and what is left in AWS."""


class NotNow(RehearsalFailed):
    """A vendor limits the rate of calls, or does not answer: it may, a moment later."""


class Rehearsal:
    """One rehearsal; `report` is called with each fact as soon as it is seen."""

    def __init__(
        self, settings: WorkerSettings, account: str, report: Callable[[Fact], None]
    ) -> None:
        aws = clients.AwsClients()
        self._settings = settings
        self._clock = settings.clock
        self._catalog, self._agreements = aws.catalog, aws.agreement
        self._lookup = MarketplaceLookup(aws.catalog, aws.agreement)
        self._offers: AwsCatalog = clients.aws_marketplace(settings, aws)
        self._account = account
        self._report = report
        self._began = self._now()
        self._reference = f"{NAME} {self._began:%Y-%m-%d %H.%M.%S}"
        self._change_set_id: str | None = None
        self._offer_id: str | None = None

    async def run(self, *, accept: bool) -> None:
        """Raises RehearsalFailed; cancelled, it still withdraws the offer."""
        await self._in_thread(self._check_account)
        agreement: Agreement | None = None
        try:
            offer = await self._create()
            await self._look_in_clazar(offer)
            await self._in_thread(self._look_in_salesforce)
            if accept:
                agreement = await self._wait_for_acceptance(offer)
        finally:
            if agreement is None:
                await asyncio.shield(self._withdraw())
        if agreement is not None:
            await self._in_thread(self._cancel, agreement)

    # AWS -----------------------------------------------------------------------------------------

    def _check_account(self) -> None:
        today = self._began.date()
        with failures():
            held, opened = self._lookup.of_buyers(
                self._settings.offers_product_id, [self._account], today
            )
        if active := [each for each in held if each.active]:
            raise RehearsalFailed(
                f"account {self._account} has agreement {active[0].agreement_id} for the product:"
                " AWS takes no second one, choose another account"
            )
        if opened:
            raise RehearsalFailed(
                f"account {self._account} can accept {opened[0].offer_id} already: withdraw that"
                " first"
            )
        self._see("AWS", "the account has no agreement and no open offer for the product")

    async def _create(self) -> PublishedOffer:
        changes = documents.create_offer(self._terms, self._reference, self._began.date())
        started = await self._in_thread(self._start, self._reference, changes)
        self._change_set_id = started
        again = await self._in_thread(self._start, self._reference, changes)
        self._see(
            "AWS",
            "the same request with the same client token is one change set",
            "the same request with the same client token is another change set",
            as_assumed=started == again,
        )
        listed = await self._in_thread(self._is_listed, self._reference, started)
        self._see(
            "AWS",
            "a change set is listed by its name at once",
            "a change set is not listed by its name at once: a lost answer may start a second one",
            as_assumed=listed,
        )
        described = await self._wait_for_change_set(started)
        offer_id = self._note_offer(described)
        offer = await self._in_thread(self._read_offer, offer_id)
        found = differences(self._terms, offer)
        self._see(
            "AWS",
            f"{offer_id} is released, with the terms that were asked for",
            f"{offer_id} is otherwise: "
            + "; ".join([str(each) for each in found] or ["it is not released"]),
            as_assumed=offer.released and not found,
        )
        address = self._settings.offers_url_pattern.format(
            product_id=offer.product_id, offer_id=offer_id
        )
        self._see("AWS", f"open this in the buyer's account; it must show the offer: {address}")
        return offer

    @property
    def _terms(self) -> OfferTerms:
        product = self._settings.product
        return OfferTerms.model_validate(
            {
                "buyer_accounts": [self._account],
                "company": NAME,
                "offer_name": self._reference,
                "description": "A test, to be withdrawn at once.",
                "product_id": product.product_id,
                "dimensions": product.dimensions,
                "price": SMALLEST_PRICE,
                "availability_end": (self._began + timedelta(days=DAYS_TO_ACCEPT)).date(),
            }
        )

    def _start(self, reference: str, changes: list[dict[str, Any]]) -> str:
        name = reference.replace(" ", "-").replace(".", "-")
        with failures():
            answer = self._catalog.start_change_set(
                Catalog=documents.CATALOG,
                ChangeSetName=name,
                ClientRequestToken=name,
                ChangeSet=changes,
            )
        return str(answer["ChangeSetId"])

    def _is_listed(self, reference: str, change_set_id: str) -> bool:
        name = reference.replace(" ", "-").replace(".", "-")
        with failures():
            answer = self._catalog.list_change_sets(
                Catalog=documents.CATALOG,
                FilterList=[{"Name": "ChangeSetName", "ValueList": [name]}],
            )
        return change_set_id in {each["ChangeSetId"] for each in answer["ChangeSetSummaryList"]}

    def _read_offer(self, offer_id: str) -> PublishedOffer:
        with failures():
            return self._offers.read_offer(offer_id)

    def _cancel_change_set(self, change_set_id: str) -> bool:
        with failures():
            return self._offers.cancel_change_set(change_set_id)

    async def _wait_for_change_set(self, change_set_id: str) -> dict[str, Any]:
        def finished() -> dict[str, Any] | None:
            with failures():
                answer: dict[str, Any] = self._catalog.describe_change_set(
                    Catalog=documents.CATALOG, ChangeSetId=change_set_id
                )
            return None if answer["Status"] in ("PREPARING", "APPLYING") else answer

        began = self._now()
        described = await self._until(finished, AWS_WITHIN, f"change set {change_set_id} to end")
        took = self._minutes_since(began)
        if described["Status"] != "SUCCEEDED":
            errors = [
                f"{error.get('ErrorCode')}: {error.get('ErrorMessage')}"
                for change in described["ChangeSet"]
                for error in change.get("ErrorDetailList", ())
            ]
            why = "; ".join(errors) or described.get("FailureDescription", "no reason given")
            raise RehearsalFailed(f"AWS rejected the change set after {took}: {why}")
        self._see("AWS", f"a change set took {took}")
        return described

    def _note_offer(self, described: dict[str, Any]) -> str:
        self._offer_id = documents.created_offer_id(described["ChangeSet"])
        if self._offer_id is None:
            raise RehearsalFailed("AWS shows no id of the offer that it has created")
        return self._offer_id

    async def _withdraw(self) -> None:
        """Withdraw what was created, also by a change set that nobody waits for any more."""
        if self._change_set_id is None:
            return
        try:
            if self._offer_id is None:
                if await self._in_thread(self._cancel_change_set, self._change_set_id):
                    self._see("AWS", "the change set is cancelled: nothing was created")
                    return
                self._see("AWS", "AWS creates the offer already: waiting, to withdraw it")
                self._note_offer(await self._wait_for_change_set(self._change_set_id))
            await self._end_availability(str(self._offer_id))
        except RehearsalFailed as error:
            what = self._offer_id or f"the offer of change set {self._change_set_id}"
            raise RehearsalFailed(f"{error}; {what} may be open: see in AWS") from None

    async def _end_availability(self, offer_id: str) -> None:
        yesterday = (self._now() - timedelta(days=1)).date()
        changes = documents.end_availability(offer_id, yesterday)
        started = await self._in_thread(self._start, f"{self._reference} withdraw", changes)
        await self._wait_for_change_set(started)
        shown = await self._in_thread(self._read_offer, offer_id)
        self._see(
            "AWS",
            f"{offer_id} is withdrawn: its last day is {shown.availability_end}",
            f"{offer_id} can still be accepted until {shown.availability_end}: withdraw it",
            as_assumed=shown.is_void(self._now().date()),
        )

    async def _wait_for_acceptance(self, offer: PublishedOffer) -> Agreement:
        self._see("AWS", f"waiting for the acceptance in account {self._account}")

        def accepted() -> Agreement | None:
            with failures():
                held, _ = self._lookup.of_buyers(
                    self._settings.offers_product_id, [self._account], self._began.date()
                )
                found = next((each for each in held if each.offer_id == offer.offer_id), None)
                return self._lookup.find_agreement(found.agreement_id) if found else None

        agreement = await self._until(
            accepted, timedelta(days=DAYS_TO_ACCEPT), "the acceptance in the buyer's account"
        )
        delay = self._minutes_since(agreement.accepted_at)
        self._see("AWS", f"{agreement.agreement_id} was shown {delay} after the acceptance")
        self._see(
            "AWS",
            f"the agreement names its chain ({agreement.initial_agreement_id})",
            "the agreement names no chain: amendments cannot be followed",
            as_assumed=agreement.initial_agreement_id is not None,
        )
        return agreement

    def _cancel(self, agreement: Agreement) -> None:
        with failures():
            sent = self._agreements.send_agreement_cancellation_request(
                agreementId=agreement.agreement_id,
                clientToken=f"{agreement.agreement_id}-rehearsal",
                reasonCode=WITHDRAWAL_REASON.value,
                description="This was a test.",
            )
        self._see(
            "AWS",
            f"cancellation of {agreement.agreement_id} is {sent['status']}: approve it in the"
            " buyer's account, or wait for seven days",
        )

    # Clazar and Salesforce -----------------------------------------------------------------------

    async def _look_in_clazar(self, offer: PublishedOffer) -> None:
        client = clients.clazar_client(self._settings)
        began = self._now()
        try:
            while self._now() < began + CLAZAR_WITHIN:
                async for rows in client.pages(OFFERS_PATH, 100, response_format="common"):
                    for row in rows:
                        if isinstance(row, dict) and row.get("cloud_id") == offer.offer_id:
                            self._see_in_clazar(row, began)
                            return
                await self._pause()
            self._see(
                "Clazar",
                "",
                f"it does not show the offer within {CLAZAR_WITHIN.seconds // 3600} hours",
                as_assumed=False,
            )
        except ApplicationError as failure:
            self._see("Clazar", "", failure.message, as_assumed=False)
        finally:
            await client.close()

    def _see_in_clazar(self, row: dict[str, Any], began: datetime) -> None:
        self._see("Clazar", f"it shows the offer {self._minutes_since(began)} after its release")
        linked = row.get("external_object_associations")
        self._see(
            "Clazar",
            f"external_object_associations is {type(linked).__name__}",
            f"external_object_associations is {type(linked).__name__}, which is not known",
            as_assumed=linked is None or isinstance(linked, dict | list | str),
        )

    def _look_in_salesforce(self) -> None:
        client = clients.salesforce_client(self._settings)
        try:
            answer = client.call(lambda api: api.query("SELECT id FROM opportunity LIMIT 1"))
        except (ApplicationError, SalesforceError) as error:
            self._see("Salesforce", "", str(error), as_assumed=False)
            return
        names = sorted({name for row in answer["records"] for name in row if name != "attributes"})
        self._see("Salesforce", f"asked for `id`, it answers {', '.join(names) or 'no record'}")

    # ---------------------------------------------------------------------------------------------

    def _see(
        self, system: str, fact: str, otherwise: str | None = None, *, as_assumed: bool = True
    ) -> None:
        text = fact if as_assumed or otherwise is None else otherwise
        self._report(Fact(system=system, fact=text, as_assumed=as_assumed))

    def _now(self) -> datetime:
        return self._clock.business_time(datetime.now(UTC))

    def _minutes_since(self, instant: datetime) -> str:
        minutes = max(self._now() - instant, timedelta()).total_seconds() / 60
        return f"{minutes:.0f} minutes"

    async def _until(self, look: Callable[[], T | None], within: timedelta, what: str) -> T:
        end = self._now() + within
        while (found := await self._in_thread(look)) is None:
            if self._now() >= end:
                raise RehearsalFailed(f"waited in vain for {what}")
            await self._pause()
        return found

    async def _pause(self) -> None:
        await asyncio.sleep(self._clock.real_duration(POLLING).total_seconds())

    async def _in_thread(self, work: Callable[P, T], *arguments: P.args, **more: P.kwargs) -> T:
        """The work's result; each call can be repeated, and is while it may pass by itself."""
        for _ in range(TRIES - 1):
            try:
                return await asyncio.to_thread(work, *arguments, **more)
            except NotNow:
                await self._pause()
        return await asyncio.to_thread(work, *arguments, **more)


@contextmanager
def failures() -> Iterator[None]:
    """Raises RehearsalFailed with the words of the product's own failures."""
    try:
        with aws_errors():
            yield
    except (ApplicationError, ClientError, BotoCoreError) as error:
        if not isinstance(error, ApplicationError):
            raise RehearsalFailed(str(error)) from None
        kind = NotNow if error.type in PASSING else RehearsalFailed
        raise kind(error.message) from None
