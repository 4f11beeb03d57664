"""Preflight: reads everything about a deal from every system; writes nothing."""

from datetime import date, datetime
from typing import Any, NamedTuple

from pydantic import Field
from temporalio import activity

from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.business_time import business_now
from activities.eula.documents import EulaDocuments
from activities.renewal_lookup import RenewalLookup
from activities.salesforce.opportunities import Opportunities, ReadOpportunity
from offers.agreements.amendment_pricing import AMENDMENT_FIELDS, OriginalOffer, propose
from offers.clock import Clock
from offers.findings import Finding
from offers.ids import opportunity_address
from offers.model import FrozenModel
from offers.policy.policy import CreationMethod, Policy
from offers.preflight.customer import Customer
from offers.preflight.draft import Draft, draft
from offers.preflight.eula import EulaContent
from offers.preflight.renewal import FLAG, Renewal
from offers.preflight.report import AmendmentDeal, Deal, PreflightReport, preflight
from offers.terms.terms import CustomEula

GIVEN = "given"
"""The source shown for terms that replace the opportunity's."""


class CheckDeal(FrozenModel):
    """A deal to check."""

    opportunity_id: str | None
    """None for terms without an opportunity."""
    terms: dict[str, Any] = Field(default_factory=dict)
    """Fields of `OfferTerms` and `Contacts` that replace the opportunity's."""
    method: CreationMethod | None = None
    """None: as the policy says."""
    withdrawn_offer_ids: tuple[str, ...] = ()
    """Withdrawn offers, of which Salesforce may still show one."""
    amends: OriginalOffer | None = None
    """For an amendment, the accepted offer that it changes."""
    before_start: bool = False
    """Whether nothing was started yet: the offer that Salesforce shows is then another run's."""


class DealPreview(FrozenModel):
    """What a preflight would find, before an offer is started."""

    report: PreflightReport
    sources: dict[str, str]
    """Where each term came from: a field of Salesforce, or GIVEN; the rest is the policy's."""


class DefaultProduct(FrozenModel):
    """The product and dimension that are sold by default, by their AWS Marketplace names."""

    product_id: str
    dimensions: str


class _Amendment(NamedTuple):
    deal: AmendmentDeal
    facts: dict[str, Any]


class Preflight:
    """Collects the facts of a deal and checks them against every rule."""

    def __init__(
        self,
        opportunities: Opportunities,
        marketplace: MarketplaceLookup,
        documents: EulaDocuments | None,
        *,
        policy: Policy,
        product: DefaultProduct,
        clock: Clock,
        salesforce_url: str,
    ) -> None:
        self._opportunities = opportunities
        self._marketplace = marketplace
        self._renewals = RenewalLookup(opportunities, marketplace)
        self._documents = documents
        self._policy = policy
        self._product = product
        self._clock = clock
        self._salesforce_url = salesforce_url

    # It goes on to its end: an exception in its thread could strike in the middle of a call.
    @activity.defn(no_thread_cancel_exception=True)
    def check_deal(self, request: CheckDeal) -> PreflightReport:
        """Check a deal; fails NOT_FOUND if the opportunity does not exist."""
        return self.check(request, business_now(self._clock))

    @activity.defn(no_thread_cancel_exception=True)
    def preview_deal(self, request: CheckDeal) -> DealPreview:
        """Check a deal that nothing was started for; fails NOT_FOUND like `check_deal`."""
        request = request.model_copy(update={"before_start": True})
        return self._preview(request, business_now(self._clock))

    def check(self, request: CheckDeal, now: datetime) -> PreflightReport:
        """Check a deal outside of an activity; `now` is business time (UTC)."""
        return self._preview(request, now).report

    def _preview(self, request: CheckDeal, now: datetime) -> DealPreview:
        today = now.date()
        opportunity = (
            self._opportunities.read(request.opportunity_id) if request.opportunity_id else None
        )
        read = opportunity.facts if opportunity else {}
        sources = (opportunity.sources if opportunity else {}) | dict.fromkeys(request.terms, GIVEN)
        facts = self._product.model_dump() | {
            name: value for name, value in read.items() if value is not None
        }
        renewal = self._renewal(request, opportunity)
        if renewal and renewal.agreement and "renewal" not in facts:
            facts["renewal"] = FLAG
            sources["renewal"] = sources["renews"]
        amends, given = self._amends(request, today)
        if amends is not None:
            facts |= amends.facts
        drafted = draft(
            _overruled(facts, given),
            self._policy,
            today,
            sources,
            contacts_needed=opportunity is not None,
        )
        accounts = self._accounts(drafted)
        deal = Deal(
            order_form=opportunity.order_form if opportunity else None,
            customer=(
                Customer()
                if request.amends
                else self._customer(request.opportunity_id, opportunity, accounts)
            ),
            marketplace=(
                self._marketplace.look(
                    drafted.checkable_terms.product_id,
                    accounts,
                    today,
                    self._shown_offer(request, opportunity),
                )
                if drafted.checkable_terms and "product_id" in drafted.valid_fields
                else None
            ),
            eula=self._contract(drafted),
            amends=amends.deal if amends else None,
            renewal=renewal,
            field_findings=self._opportunities.field_findings() if opportunity else (),
            # Clazar has another form for amendments, of which too little is known.
            method=CreationMethod.AWS if request.amends else request.method or self._policy.method,
            clock=self._clock,
            opportunity_url=opportunity_address(self._salesforce_url, request.opportunity_id)
            if request.opportunity_id
            else None,
            before_start=request.before_start,
        )
        report = preflight(drafted, deal, self._policy, today, sources)
        return DealPreview(report=report, sources=dict(sources))

    def _amends(self, request: CheckDeal, today: date) -> tuple[_Amendment | None, dict[str, Any]]:
        """The proposal of an amendment, and the given terms that it does not use."""
        if (amended := request.amends) is None:
            return None, request.terms
        request_terms = {name: v for name, v in request.terms.items() if name in AMENDMENT_FIELDS}
        snapshot = self._marketplace.agreement_snapshot(amended.agreement.agreement_id)
        proposal = propose(amended, snapshot, request_terms, self._policy, today)
        deal = AmendmentDeal(
            original=amended,
            snapshot=snapshot,
            pricing=proposal.pricing,
            findings=proposal.findings,
        )
        given = {name: v for name, v in request.terms.items() if name not in AMENDMENT_FIELDS}
        return _Amendment(deal, proposal.facts), given

    def _renewal(self, request: CheckDeal, opportunity: ReadOpportunity | None) -> Renewal | None:
        """What the opportunity says that it renews; an amendment has nothing to do with it."""
        if (
            request.amends is not None
            or request.opportunity_id is None
            or opportunity is None
            or opportunity.renews is None
        ):
            return None
        return self._renewals.look(opportunity.renews, request.opportunity_id)

    def _accounts(self, drafted: Draft) -> tuple[str, ...]:
        if drafted.checkable_terms is None or "buyer_accounts" not in drafted.valid_fields:
            return ()
        return drafted.checkable_terms.buyer_accounts

    def _customer(
        self,
        opportunity_id: str | None,
        opportunity: ReadOpportunity | None,
        accounts: tuple[str, ...],
    ) -> Customer:
        if opportunity_id is None or opportunity is None:
            return Customer()
        return self._opportunities.customer(opportunity_id, opportunity, accounts)

    def _shown_offer(self, request: CheckDeal, opportunity: ReadOpportunity | None) -> str | None:
        if (
            opportunity is None
            or request.amends is not None
            or opportunity.shown_offer_id in request.withdrawn_offer_ids
        ):
            return None
        return opportunity.shown_offer_id

    def _contract(self, drafted: Draft) -> EulaContent:
        terms = drafted.checkable_terms
        if (
            terms is None
            or "eula" not in drafted.valid_fields
            or not isinstance(terms.eula, CustomEula)
        ):
            return EulaContent()
        if self._documents is None:
            return EulaContent(findings=(NO_BUCKET,))
        return self._documents.inspect(terms.eula.documents)


def _overruled(facts: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The facts, replaced by given terms; a price without currency keeps the old currency."""
    price, known = given.get("price"), facts.get("price")
    if isinstance(price, dict) and isinstance(known, dict):
        given = given | {"price": {"currency": known.get("currency")} | price}
    return facts | {name: value for name, value in given.items() if value is not None}


NO_BUCKET = Finding(
    code="no-eula-bucket",
    field="eula",
    problem="there is no bucket from which AWS could read a custom contract",
    remedy="Set OFFERS_EULA_BUCKET on the worker, or use the standard contract",
)
