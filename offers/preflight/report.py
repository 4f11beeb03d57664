"""Preflight: everything that can be known of a deal before AWS is touched, in one report.

AWS has no dry run for offers, and a released offer cannot be corrected.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from offers.agreements.amendment_pricing import AgreementSnapshot, AmendmentPricing, OriginalOffer
from offers.agreements.renewal import first_agreement
from offers.clock import Clock
from offers.findings import Finding, Severity
from offers.model import FrozenModel
from offers.policy.policy import CreationMethod, Policy
from offers.preflight import (
    amendment,
    consistency,
    customer,
    eula,
    marketplace,
    order_form,
    renewal,
    selling_rules,
)
from offers.preflight.check import findings_of
from offers.preflight.customer import Customer
from offers.preflight.draft import Draft
from offers.preflight.eula import EulaContent
from offers.preflight.marketplace import Marketplace
from offers.preflight.order_form import OrderForm
from offers.preflight.renewal import Renewal
from offers.terms.contacts import Contacts, Owner
from offers.terms.terms import OfferTerms


class PreflightReport(FrozenModel):
    """What a preflight found, and by what; the record takes over all of it."""

    terms: OfferTerms | None
    """None if a term is illegal in itself."""
    company: str | None = None
    """The buyer's company, as far as it is known, even if other terms are illegal."""
    opportunity_url: str | None = None
    """Where Salesforce shows the opportunity."""
    contacts: Contacts | None
    """None if nobody could be written to."""
    owner: Owner | None = None
    """Known even where others are not."""
    eula_sha256: str | None = None
    """Of a custom contract as it was checked."""
    pricing: AmendmentPricing | None = None
    """Of an amendment."""
    renews: str | None = None
    """The first agreement of the chain that it renews (`initial_agreement_id`)."""
    findings: tuple[Finding, ...]
    """The gravest first."""
    policy: Policy
    """As it was then: a later change of the policy does not affect this offer."""
    clock: Clock
    method: CreationMethod

    @property
    def has_refusal(self) -> bool:
        """Whether something must be corrected."""
        return any(finding.severity is Severity.REFUSE for finding in self.findings)


class AmendmentDeal(FrozenModel):
    """What an amendment replaces, and its pricing."""

    original: OriginalOffer
    snapshot: AgreementSnapshot
    pricing: AmendmentPricing
    findings: tuple[Finding, ...]


class Deal(FrozenModel):
    """What is known of a deal; None where nothing was asked."""

    order_form: OrderForm | None = None
    """None for terms without an opportunity."""
    customer: Customer = Customer()
    marketplace: Marketplace | None = None
    """None if AWS was not asked, for no buyer account is legal."""
    eula: EulaContent = EulaContent()
    """A custom eula, if there is one."""
    amends: AmendmentDeal | None = None
    """For an amendment, what it replaces."""
    renewal: Renewal | None = None
    """What it renews, if the opportunity names something."""
    field_findings: tuple[Finding, ...] = ()
    """Fields of Salesforce that the offer's progress cannot be written to."""
    method: CreationMethod = CreationMethod.AWS
    clock: Clock = Clock()
    """The worker's."""
    opportunity_url: str | None = None
    """Where Salesforce shows the opportunity."""
    before_start: bool = False
    """Whether nothing was started yet."""


def preflight(
    drafted: Draft, deal: Deal, policy: Policy, today: date, sources: Mapping[str, str]
) -> PreflightReport:
    """Everything that is wrong with a deal.

    `today` is a UTC date; `sources` says where each term came from.
    """
    earlier = deal.renewal.agreement if deal.renewal else None
    held_against = _amendment if deal.amends else _new_offer
    findings = [
        *drafted.findings,
        *deal.field_findings,
        *held_against(drafted, deal, policy, today),
    ]
    if (terms := drafted.checkable_terms) is not None:
        findings += findings_of(consistency.CHECKS, terms, drafted.valid_fields, today)
        findings += findings_of(eula.CHECKS, terms, drafted.valid_fields, deal.eula, policy)
    return PreflightReport(
        terms=drafted.terms,
        company=terms.company if terms and "company" in drafted.valid_fields else None,
        opportunity_url=deal.opportunity_url,
        contacts=drafted.contacts,
        owner=drafted.owner,
        eula_sha256=deal.eula.sha256,
        pricing=deal.amends.pricing if deal.amends else None,
        renews=first_agreement(earlier) if earlier else None,
        findings=tuple(
            sorted(
                (_complete(finding, sources, policy) for finding in findings),
                key=lambda finding: GRAVITY.index(finding.severity),
            )
        ),
        policy=policy,
        clock=deal.clock,
        method=deal.method,
    )


def _new_offer(drafted: Draft, deal: Deal, policy: Policy, today: date) -> Iterator[Finding]:
    if deal.before_start and (running := customer.running(deal.customer)):
        yield running
        deal = deal.model_copy(update={"marketplace": _without_known_offer(deal.marketplace)})
    yield from customer.sold_before(deal.customer)
    if deal.renewal is not None:
        yield from deal.renewal.findings
    if deal.order_form is None:
        yield NO_OPPORTUNITY
    else:
        yield from order_form.signature(deal.order_form, policy)
    if (terms := drafted.checkable_terms) is None:
        return
    legal = drafted.valid_fields
    yield from findings_of(selling_rules.CHECKS, terms, legal, policy, today)
    if deal.order_form is not None:
        yield from findings_of(order_form.CHECKS, terms, legal, deal.order_form, policy)
    yield from findings_of(customer.CHECKS, terms, legal, deal.customer, policy)
    earlier = deal.renewal.agreement if deal.renewal else None
    if earlier is not None:
        yield from findings_of(renewal.CHECKS, terms, legal, earlier, policy, today)
    if deal.marketplace is not None:
        checks = marketplace.CHECKS + marketplace.FIRST_SALE
        shown = deal.marketplace.model_copy(
            update={"renewed_agreement_id": earlier.agreement_id if earlier else None}
        )
        yield from findings_of(checks, terms, legal, shown, policy)
    if terms.agreement_end and "agreement_end" in legal:
        yield ONLY_AMENDMENTS_END


def _without_known_offer(shown: Marketplace | None) -> Marketplace | None:
    return shown and shown.model_copy(update={"known_offer": None})


def _amendment(drafted: Draft, deal: Deal, policy: Policy, today: date) -> Iterator[Finding]:
    """Compared with the pricing, not with the order form, which is that of the original sale."""
    if (amends := deal.amends) is None:
        return
    yield from amends.findings
    if (terms := drafted.checkable_terms) is None:
        return
    against = (amends.original, amends.snapshot, policy, today)
    # Nobody is to approve sums that are not there yet.
    undecided = any(finding.severity is Severity.REFUSE for finding in amends.findings)
    for finding in findings_of(amendment.CHECKS, terms, drafted.valid_fields, *against):
        if not (undecided and finding.code == amendment.CONFIRMED):
            yield finding
    if deal.marketplace is not None:
        legal = drafted.valid_fields
        yield from findings_of(marketplace.CHECKS, terms, legal, deal.marketplace, policy)


GRAVITY = (Severity.REFUSE, Severity.APPROVAL, Severity.WARN)

ONLY_AMENDMENTS_END = Finding(
    code="only-amendments-end",
    field="agreement_end",
    problem="only an amendment ends on a day of its own",
    remedy="Give duration_months, and starts_on for a set first day",
)

NO_OPPORTUNITY = Finding(
    code="no-opportunity",
    severity=Severity.WARN,
    field="order_form",
    problem="terms without an opportunity are held against no order form and no customer",
    remedy="Give the opportunity to have them compared",
)


def _complete(finding: Finding, sources: Mapping[str, str], policy: Policy) -> Finding:
    changes: dict[str, str] = {}
    if source := finding.source or sources.get(finding.field):
        changes["source"] = source
    if finding.role and not policy.roles.get(finding.role):
        changes["remedy"] = (
            f"{finding.remedy} (nobody holds the role {finding.role} yet: name someone under"
            " [roles] in the policy)"
        )
    return finding.model_copy(update=changes) if changes else finding
