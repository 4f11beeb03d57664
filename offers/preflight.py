"""Preflight: everything that can be known of a deal before AWS is touched, in one report.

AWS has no dry run for offers, and a released offer cannot be corrected.
"""

from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel, ConfigDict

from offers import consistency, contract, customer, marketplace, order_form, selling
from offers.checks import findings_of
from offers.contacts import Contacts, Owner
from offers.contract import Contract
from offers.customer import Customer
from offers.drafting import Draft
from offers.findings import Finding, Severity
from offers.marketplace import Marketplace
from offers.order_form import OrderForm
from offers.policy import Policy
from offers.terms import OfferTerms


class Report(BaseModel):
    """The outcome of a preflight."""

    model_config = ConfigDict(frozen=True)

    terms: OfferTerms | None
    """None if a term is illegal in itself."""
    company: str | None = None
    """The buyer's company, as far as it is known, even if other terms are illegal."""
    contacts: Contacts | None
    """None if nobody could be written to."""
    owner: Owner | None = None
    """Known even where others are not."""
    contract_sha256: str | None = None
    """Of a custom contract as it was checked."""
    findings: tuple[Finding, ...]
    """The gravest first."""

    @property
    def refuses(self) -> bool:
        """Whether something must be corrected."""
        return any(finding.severity is Severity.REFUSE for finding in self.findings)


class Deal(BaseModel):
    """What is known of a deal; None where nothing was asked."""

    model_config = ConfigDict(frozen=True)

    order_form: OrderForm | None = None
    """None for terms without an opportunity."""
    customer: Customer = Customer()
    marketplace: Marketplace | None = None
    """None if AWS was not asked, for no buyer account is legal."""
    contract: Contract = Contract()
    """A custom contract, if there is one."""


def preflight(
    drafted: Draft, deal: Deal, policy: Policy, today: date, sources: Mapping[str, str]
) -> Report:
    """Everything that is wrong with a deal.

    `today` is a UTC date; `sources` says where each term came from.
    """
    findings = [*drafted.findings, *customer.sold_before(deal.customer)]
    if deal.order_form is None:
        findings.append(NO_OPPORTUNITY)
    else:
        findings += order_form.signature(deal.order_form, policy)
    if (terms := drafted.legible) is not None:
        legal = drafted.legal
        findings += findings_of(consistency.CHECKS, terms, legal, today)
        findings += findings_of(selling.CHECKS, terms, legal, policy, today)
        if deal.order_form is not None:
            findings += findings_of(order_form.CHECKS, terms, legal, deal.order_form, policy)
        findings += findings_of(customer.CHECKS, terms, legal, deal.customer, policy)
        if deal.marketplace is not None:
            findings += findings_of(marketplace.CHECKS, terms, legal, deal.marketplace, policy)
        findings += findings_of(contract.CHECKS, terms, legal, deal.contract, policy)
    return Report(
        terms=drafted.terms,
        company=terms.company if terms and "company" in drafted.legal else None,
        contacts=drafted.contacts,
        owner=drafted.owner,
        contract_sha256=deal.contract.sha256,
        findings=tuple(
            sorted(
                (_complete(finding, sources, policy) for finding in findings),
                key=lambda finding: GRAVITY.index(finding.severity),
            )
        ),
    )


GRAVITY = (Severity.REFUSE, Severity.APPROVAL, Severity.WARN)

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
