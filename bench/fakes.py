"""Fakes of the offers' activities: each answers at once, so that Temporal is measured.

They have the real activities' names, arguments and results, so the payloads are real, too.  The
vendors' rates are off.
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
from activities.preflight import CheckDeal
from activities.task_queues import TaskQueue
from activities.temporal.payouts import ReadPayout
from bench.baseline import BareBaseline
from offers.agreements.agreement import Agreement, AgreementReport, AgreementStatus
from offers.ids import revision_reference, workflow_id
from offers.lifecycle.read_back import PublishedOffer
from offers.lifecycle.salesforce_fields import OpportunityUpdate
from offers.money import Money
from offers.payouts.model import InvoicePayout, Payout, PayoutReport, Transfer
from offers.policy.policy import Policy
from offers.preflight.marketplace import ObservedOffer
from offers.preflight.report import PreflightReport
from offers.stage import Stage
from offers.terms.terms import OfferTerms
from tests.support.builders import BUYER
from tests.support.deals import preflight_report
from workflows.offer.workflow import OfferWorkflow

POLICY = Policy(
    roles={"deal-desk": ("desk@example.com",), "legal": ("legal@example.com",)},
)


class FakeActivities:
    """All activities that the offers' workflows and the bare baselines call."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.accepted: set[str] = set()
        """Offer ids that have an agreement."""
        self.completed: Counter[str] = Counter()
        """How often each stage was written to Salesforce (`accepted`), and mailed to the owner
        (`accepted notice`); for a bare baseline with `bare ` before it."""
        self.shared_events: dict[str, asyncio.Event] = {}
        """By opportunity, an event that is set when Salesforce shows that the offer is shared."""
        self.report_next_steps = False
        """Whether the acceptance and the payout are reported as soon as Salesforce shows the stage
        before."""
        self._submitted_terms: dict[str, OfferTerms] = {}

    def for_queue(self, queue: TaskQueue) -> list[Callable[..., Any]]:
        """The activities of a task queue."""
        served: dict[TaskQueue, list[Callable[..., Any]]] = {
            TaskQueue.OFFERS: [self.read_payout],
            TaskQueue.PREFLIGHT: [self.check_deal, self.run_baseline_activity],
            TaskQueue.AWS_MARKETPLACE: [
                self.submit_offer,
                self.wait_for_change_set,
                self.find_agreement,
                self.run_baseline_activity,
            ],
            TaskQueue.SALESFORCE: [self.write_back, self.run_baseline_activity],
            TaskQueue.EMAIL: [self.send_to_buyer, self.send_notice, self.run_baseline_activity],
        }
        return served.get(queue, [])

    @activity.defn
    async def check_deal(self, _request: CheckDeal) -> PreflightReport:
        """A report without findings."""
        return preflight_report(policy=POLICY, today=datetime.now(UTC).date())

    @activity.defn
    async def submit_offer(self, request: SubmitOffer) -> str:
        """The reference, as the id of the change set."""
        self._submitted_terms[request.reference] = request.terms
        return request.reference

    @activity.defn
    async def wait_for_change_set(self, request: WaitForChangeSet) -> ChangeSetOutcome:
        """Success, and an offer with the submitted terms."""
        offer = published_offer(
            f"offer-{request.change_set_id}", self._submitted_terms.pop(request.change_set_id)
        )
        url = f"https://aws.example/ordering?offerId={offer.offer_id}"
        return ChangeSetOutcome(offer=offer, offer_url=url)

    @activity.defn
    async def find_agreement(self, offer_id: str) -> Agreement | None:
        """An agreement, if the offer is accepted."""
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
        """Count the stage."""
        self.completed[str(update.stage)] += 1
        if update.stage is Stage.SHARED and update.opportunity_id in self.shared_events:
            self.shared_events[update.opportunity_id].set()
        if self.report_next_steps:
            await self._report_next_step(update)

    @activity.defn
    async def send_to_buyer(self, _mail: OfferEmail) -> None:
        """Count the mail to the buyer."""
        self.completed["buyer mail"] += 1

    @activity.defn
    async def send_notice(self, mail: OfferEmail) -> None:
        """Count the mail to the owner."""
        self.completed[f"{mail.record.stage} notice"] += 1

    @activity.defn
    async def read_payout(self, request: ReadPayout) -> Payout:
        """Everything is paid."""
        return full_payout(request.offer_id)

    @activity.defn
    async def run_baseline_activity(self, what: str) -> None:
        """Any activity of the bare baseline; writes to Salesforce name the workflow, too."""
        stage, _, workflow_id = what.partition(" ")
        self.completed["bare notice" if workflow_id == "notice" else f"bare {stage}"] += 1
        if self.report_next_steps and workflow_id.startswith("bare/"):
            baseline = self._client.get_workflow_handle(workflow_id)
            reports = {"shared": ("linked", "accepted"), "accepted": ("paid",)}
            for report in reports.get(stage, ()):
                await baseline.signal(BareBaseline.report, report)

    async def _report_next_step(self, update: OpportunityUpdate) -> None:
        offer = self._client.get_workflow_handle(workflow_id(update.opportunity_id))
        offer_id = offer_id_of(update.opportunity_id)
        if update.stage is Stage.SHARED:
            self.accepted.add(offer_id)
            observed = ObservedOffer(
                offer_id=offer_id, clazar_id="clazar", linked_to=update.opportunity_id
            )
            await offer.signal(OfferWorkflow.offer_observed, observed)
            await offer.signal(OfferWorkflow.agreement_reported, acceptance_report(offer_id))
        if update.stage is Stage.ACCEPTED:
            await offer.signal(OfferWorkflow.payout_reported, PayoutReport())


def offer_id_of(opportunity: str) -> str:
    """The id of the offer that is created for an opportunity."""
    return f"offer-{revision_reference(opportunity, 0, 1)}"


def acceptance_report(offer_id: str) -> AgreementReport:
    """The agreement in AWS's feed after an acceptance."""
    return AgreementReport(
        agreement_id=f"agmt-{offer_id}",
        offer_id=offer_id,
        changed_at=datetime.now(UTC),
    )


def published_offer(offer_id: str, terms: OfferTerms) -> PublishedOffer:
    """An offer with the submitted terms."""
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


def full_payout(offer_id: str) -> Payout:
    """A payout in full of an offer's only invoice."""
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
