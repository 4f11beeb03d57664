"""The offers' activities without their vendors: each answers at once, so that Temporal is measured.

They bear the real activities' names and take and give the same models, so the payloads are real,
too.  The vendors' rates are off.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.client import Client

from activities.aws.catalog import ChangeSetOutcome, SubmitOffer, WaitForChangeSet
from activities.email.smtp import OfferEmail
from activities.preflight import CheckDeal, CheckedDeal
from activities.task_queues import TaskQueue
from bench.baseline import BareOffer
from offers.agreements.agreement import Agreement, AgreementReport, AgreementStatus
from offers.clock import Clock
from offers.ids import revision_reference, workflow_id
from offers.lifecycle.read_back import PublishedOffer
from offers.lifecycle.salesforce_fields import OpportunityUpdate
from offers.money import Money
from offers.payouts.model import InvoicePayout, Payout, Transfer
from offers.policy.policy import CreationMethod, Policy
from offers.preflight.marketplace import ObservedOffer
from offers.stage import Stage
from offers.terms.terms import OfferTerms
from tests.support.builders import BUYER
from tests.support.deals import preflight_report
from workflows.offer.workflow import OfferWorkflow

POLICY = Policy(
    roles={"deal-desk": ("desk@example.com",), "legal": ("legal@example.com",)},
)


class StandIns:
    """All that the offers' workflows and their bare twins call."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.accepted: set[str] = set()
        """Offer ids that have an agreement."""
        self.done: Counter[str] = Counter()
        """How often Salesforce was told of each stage, and owners of each (`accepted notice`); a
        bare twin's count as `bare …`."""
        self.shown: dict[str, asyncio.Event] = {}
        """By opportunity, what is set when Salesforce shows that the buyer was told."""
        self.living_on = False
        """Whether what comes next in a happy life is reported as soon as Salesforce shows what was
        before."""
        self._asked: dict[str, OfferTerms] = {}

    def on(self, queue: TaskQueue) -> list[Callable[..., Any]]:
        """Those that are served on a queue."""
        served: dict[TaskQueue, list[Callable[..., Any]]] = {
            TaskQueue.PREFLIGHT: [self.check_deal, self.bare],
            TaskQueue.AWS_MARKETPLACE: [
                self.submit_offer,
                self.follow_change_set,
                self.find_agreement,
                self.bare,
            ],
            TaskQueue.SALESFORCE: [self.write_back, self.bare],
            TaskQueue.EMAIL: [self.send_letter, self.send_notice, self.bare],
        }
        return served.get(queue, [])

    @activity.defn
    async def check_deal(self, _request: CheckDeal) -> CheckedDeal:
        """A flawless deal."""
        report = preflight_report(policy=POLICY, today=datetime.now(UTC).date())
        return CheckedDeal(report=report, policy=POLICY, clock=Clock(), method=CreationMethod.AWS)

    @activity.defn
    async def submit_offer(self, request: SubmitOffer) -> str:
        """Taken."""
        self._asked[request.reference] = request.terms
        return request.reference

    @activity.defn
    async def follow_change_set(self, request: WaitForChangeSet) -> ChangeSetOutcome:
        """It succeeded, and the offer is as it was asked."""
        offer = built(f"offer-{request.change_set_id}", self._asked.pop(request.change_set_id))
        url = f"https://aws.example/ordering?offerId={offer.offer_id}"
        return ChangeSetOutcome(succeeded=True, offer=offer, offer_url=url)

    @activity.defn
    async def find_agreement(self, offer_id: str) -> Agreement | None:
        """An agreement, if the offer is among the accepted ones."""
        if offer_id not in self.accepted:
            return None
        now = datetime.now(UTC)
        return Agreement(
            agreement_id=f"agmt-{offer_id}",
            offer_id=offer_id,
            buyer_account=BUYER,
            status=AgreementStatus.ACTIVE,
            accepted_at=now,
            starts_at=now,
            value=Money.of("120000", "USD"),
        )

    @activity.defn
    async def write_back(self, update: OpportunityUpdate) -> None:
        """Written."""
        self.done[str(update.stage)] += 1
        if update.stage is Stage.SHARED and update.opportunity_id in self.shown:
            self.shown[update.opportunity_id].set()
        if self.living_on:
            await self._go_on(update)

    @activity.defn
    async def send_letter(self, _mail: OfferEmail) -> None:
        """Sent to the buyer."""
        self.done["letter"] += 1

    @activity.defn
    async def send_notice(self, mail: OfferEmail) -> None:
        """Sent to the owner."""
        self.done[f"{mail.record.stage} notice"] += 1

    @activity.defn
    async def bare(self, what: str) -> None:
        """Any of the bare twin's; those that tell Salesforce name the workflow, too."""
        stage, _, workflow_id = what.partition(" ")
        self.done["bare notice" if workflow_id == "notice" else f"bare {stage}"] += 1
        if self.living_on and workflow_id.startswith("bare/"):
            twin = self._client.get_workflow_handle(workflow_id)
            for news in {"shared": ("linked", "accepted"), "accepted": ("paid",)}.get(stage, ()):
                await twin.signal(BareOffer.seen, news)

    async def _go_on(self, update: OpportunityUpdate) -> None:
        offer = self._client.get_workflow_handle(workflow_id(update.opportunity_id))
        offer_id = made(update.opportunity_id)
        if update.stage is Stage.SHARED:
            self.accepted.add(offer_id)
            seen = ObservedOffer(
                offer_id=offer_id, clazar_id="clazar", linked_to=update.opportunity_id
            )
            await offer.signal(OfferWorkflow.offer_observed, seen)
            await offer.signal(OfferWorkflow.agreement_reported, reported(offer_id))
        if update.stage is Stage.ACCEPTED:
            await offer.signal(OfferWorkflow.payout_reported, paid(offer_id))


def made(opportunity: str) -> str:
    """The id of the offer that is made for an opportunity."""
    return f"offer-{revision_reference(opportunity, 0, 1)}"


def reported(offer_id: str) -> AgreementReport:
    """What the feed says of an acceptance."""
    return AgreementReport(
        agreement_id=f"agmt-{offer_id}",
        offer_id=offer_id,
        status=AgreementStatus.ACTIVE,
        updated_at=datetime.now(UTC),
    )


def built(offer_id: str, terms: OfferTerms) -> PublishedOffer:
    """An offer as it was asked."""
    return PublishedOffer(
        offer_id=offer_id,
        released=True,
        product_id=terms.product_id,
        name=terms.offer_name,
        buyer_accounts=terms.buyer_accounts,
        price=terms.price.amount,
        currency=terms.price.currency,
        dimensions=terms.dimensions,
        net_payment_days=terms.net_payment_days,
        duration=terms.duration,
        availability_end=terms.availability_end,
        description=terms.description,
        eula=terms.eula.type,
        eula_version=getattr(terms.eula, "version", None),
    )


def paid(offer_id: str) -> Payout:
    """An offer's only invoice, paid in full."""
    today = datetime.now(UTC).date()
    price, fee, nothing = (Money.of(amount, "USD") for amount in ("120000", "3600", "0"))
    invoice = InvoicePayout(
        invoice_id="1",
        invoiced_on=today,
        due_on=today,
        gross=price,
        refunded=nothing,
        listing_fee=fee,
        tax=nothing,
        undisbursed=nothing,
        transfers=(Transfer(on=today, amount=price - fee),),
    )
    return Payout(offer_id=offer_id, invoices=(invoice,))
