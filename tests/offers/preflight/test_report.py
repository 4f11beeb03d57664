"""Preflight: each deal with a problem has exactly its findings, and a valid one has none."""

from datetime import UTC, datetime
from typing import Any

import pytest

from offers.findings import Finding, Severity
from offers.policy.policy import Policy
from offers.preflight.customer import Customer, LastPurchase, OtherCustomersUse
from offers.preflight.draft import draft
from offers.preflight.eula import EulaContent
from offers.preflight.marketplace import HeldAgreement, Marketplace, OpenOffer, Product
from offers.preflight.order_form import OrderForm
from offers.preflight.report import ONLY_AMENDMENTS_END, Deal, preflight
from tests.support.builders import BUYER, TODAY, facts
from tests.support.deals import FIELDS, POLICY, PRODUCT, SELLER, preflight_report

REFUSE, APPROVAL, WARN = Severity.REFUSE, Severity.APPROVAL, Severity.WARN
OTHER = "444455556666"


def with_agreement(*, active: bool) -> Marketplace:
    """AWS has an agreement of the buyer."""
    agreement = HeldAgreement(
        agreement_id="agmt-example",
        offer_id="offer-example",
        account_id=BUYER,
        active=active,
        ends_at=datetime(2026, 9, 1, tzinfo=UTC),
    )
    return Marketplace(product=PRODUCT, agreements=(agreement,))


def with_product(**changes: Any) -> Marketplace:
    """AWS has another product."""
    return Marketplace(product=Product(**PRODUCT.model_dump() | changes))


OPEN = Marketplace(
    product=PRODUCT,
    open_offers=(
        OpenOffer(
            offer_id="offer-other",
            buyer_accounts=(OTHER, BUYER),
            availability_end=TODAY,
        ),
    ),
)
OTHERS = Customer(
    others=(OtherCustomersUse(account_id=BUYER, opportunity_id="006OTHER", company="Example Two"),)
)
MOVED = Customer(last_purchase=LastPurchase(opportunity_id="006BEFORE", buyer_accounts=(OTHER,)))
SOLD = Customer(shown_stage="accepted", stage_field="Offer_Stage__c")
TWO_HALVES = [
    {"on": "2026-03-02", "amount": "60000.00"},
    {"on": "2026-09-02", "amount": "60000.00"},
]
SCHEDULED = {"form": {"payment_terms": "Two instalments"}}
FPS = [("not-upfront", "payment_schedule", APPROVAL), ("needs-invoicing", "payment_schedule", WARN)]


def halves(first: str, second: str, amount: str = "60000.00") -> dict[str, Any]:
    """Two instalments."""
    return {
        "payment_schedule": [{"on": first, "amount": "60000.00"}, {"on": second, "amount": amount}]
    }


PROBLEMS: dict[str, tuple[dict[str, Any], list[tuple[str, str, Severity]]]] = {
    # Invalid terms.
    "an account of 11 digits": (
        {"terms": {"buyer_accounts": "11112222333"}},
        [("illegal", "buyer_accounts", REFUSE)],
    ),
    "no account": (
        {"terms": {"buyer_accounts": ...}},
        [("illegal", "buyer_accounts", REFUSE)],
    ),
    "an account that was a number": (
        {"terms": {"buyer_accounts": 11112222333}},
        [("illegal", "buyer_accounts", REFUSE)],
    ),
    "27 accounts": (
        {"terms": {"buyer_accounts": [f"{n:012}" for n in range(27)]}},
        [("illegal", "buyer_accounts", REFUSE)],
    ),
    "a currency AWS does not take": (
        {"terms": {"price": {"amount": "120000", "currency": "CHF"}}},
        [("illegal", "price.currency", REFUSE)],
    ),
    "yen with decimals": (
        {"terms": {"price": {"amount": "15000000.50", "currency": "JPY"}}},
        [("illegal", "price", REFUSE)],
    ),
    "a price of nothing": (
        {"terms": {"price": {"amount": "0", "currency": "USD"}}},
        [("illegal", "terms", REFUSE)],
    ),
    "a name that AWS forbids": (
        {"terms": {"offer_name": "Example <Corp>"}},
        [("illegal", "offer_name", REFUSE)],
    ),
    "a contract of 61 months": (
        {"terms": {"duration_months": 61}},
        [("illegal", "duration_months", REFUSE)],
    ),
    "net 31": (
        {"terms": {"net_payment_days": 31}},
        [("illegal", "net_payment_days", REFUSE)],
    ),
    "six documents": (
        {"terms": {"eula": " ".join(f"https://example.com/{n}.pdf" for n in range(6))}},
        [("illegal", "eula.custom.documents", REFUSE)],
    ),
    "a last day that is no date": (
        {"terms": {"availability_end": "soon"}},
        [("illegal", "availability_end", REFUSE)],
    ),
    "no buyer mail address": (
        {"terms": {"buyer_email": ...}},
        [("illegal", "buyer_email", REFUSE)],
    ),
    # Terms that contradict each other.
    "the last day is today": (
        {"terms": {"availability_end": TODAY}},
        [("last-day-over", "availability_end", REFUSE)],
    ),
    "a start before the last day": (
        {"terms": {"starts_on": "2026-04-01", "availability_end": "2026-04-01"}},
        [("start-before-expiry", "starts_on", REFUSE)],
    ),
    "a dimension twice": (
        {"terms": {"dimensions": "platform; platform"}},
        [("dimension-twice", "dimensions", REFUSE), ("needs-invoicing", "dimensions", WARN)],
    ),
    "instalments that do not add up": (
        SCHEDULED | {"terms": halves("2026-03-02", "2026-09-02", "60000.01")},
        [("schedule-sum", "payment_schedule", REFUSE), *FPS],
    ),
    "two instalments on one day": (
        SCHEDULED | {"terms": halves("2026-09-02", "2026-09-02")},
        [("charge-twice", "payment_schedule", REFUSE), *FPS],
    ),
    "a first instalment in the past": (
        SCHEDULED | {"terms": halves("2026-03-01", "2026-09-02")},
        [("charge-past", "payment_schedule", REFUSE), *FPS],
    ),
    "two instalments before the last day": (
        SCHEDULED | {"terms": halves("2026-03-02", "2026-04-01")},
        [("charges-before-expiry", "payment_schedule", REFUSE), *FPS],
    ),
    "an instalment after the end": (
        SCHEDULED | {"terms": halves("2026-03-02", "2027-03-02")},
        [("charge-after-end", "payment_schedule", REFUSE), *FPS],
    ),
    "an instalment on the last day of a contract with set days": (
        SCHEDULED | {"terms": halves("2026-05-01", "2027-04-30") | {"starts_on": "2026-05-01"}},
        [("charge-after-end", "payment_schedule", REFUSE), *FPS],
    ),
    "an offer that cannot be extended": (
        SCHEDULED | {"terms": halves("2026-03-02", "2026-04-15")},
        [FPS[0], ("extension-trap", "payment_schedule", WARN), FPS[1]],
    ),
    # Terms against the selling rules.
    "two years": (
        {"terms": {"duration_months": 24}, "form": {"duration_months": 24}},
        [("not-annual", "duration_months", APPROVAL)],
    ),
    "a payment schedule": (
        SCHEDULED | {"terms": {"payment_schedule": TWO_HALVES}},
        FPS,
    ),
    "below the minimum": (
        {
            "terms": {"price": {"amount": "99999.99", "currency": "USD"}},
            "form": {"amount": 99999.99},
        },
        [("below-minimum", "price", APPROVAL)],
    ),
    "a currency without a minimum": (
        {
            "terms": {"price": {"amount": "120000", "currency": "EUR"}},
            "form": {"currency": "EUR"},
        },
        [("no-minimum", "price", WARN)],
    ),
    "31 days to accept": (
        {"terms": {"availability_end": "2026-04-02"}},
        [("long-to-accept", "availability_end", WARN)],
    ),
    "a custom contract": (
        {"terms": {"eula": "https://example.com/eula.pdf"}},
        [("custom-contract", "eula", APPROVAL)],
    ),
    "a document that cannot be read": (
        {
            "terms": {"eula": "https://example.com/eula.pdf"},
            "contract": EulaContent(
                findings=(
                    Finding(
                        code="eula-document", field="eula", problem="no PDF", remedy="Give one"
                    ),
                )
            ),
        },
        [("eula-document", "eula", REFUSE), ("custom-contract", "eula", APPROVAL)],
    ),
    # The order form.
    "an order form that is not signed": (
        {"form": {"signed": False}},
        [("order-form-unsigned", "order_form.signed", REFUSE)],
    ),
    "no signature field": (
        {"form": {"signed": None}},
        [("order-form-unsigned", "order_form.signed", REFUSE)],
    ),
    "another billing method": (
        {"form": {"billing_method": "Invoice"}},
        [("billing-method", "order_form.billing_method", REFUSE)],
    ),
    "no billing method": (
        {"form": {"billing_method": None}},
        [("billing-method", "order_form.billing_method", REFUSE)],
    ),
    "another amount on the order form": (
        {"form": {"amount": 12000.0}},
        [("order-form-amount", "price", REFUSE)],
    ),
    "another currency on the order form": (
        {"form": {"currency": "EUR"}},
        [("order-form-amount", "price", REFUSE)],
    ),
    "an amount on the order form that is no number": (
        {"form": {"amount": "a lot"}},
        [("order-form-amount", "price", REFUSE)],
    ),
    "another term on the order form": (
        {"form": {"duration_months": 24}},
        [("order-form-duration-months", "duration_months", REFUSE)],
    ),
    "instalments on the order form": (
        {"form": {"payment_terms": "Quarterly"}},
        [("order-form-payment-terms", "payment_schedule", REFUSE)],
    ),
    "net 30 on the order form": (
        {"form": {"payment_terms": "Upfront, net 30"}},
        [("order-form-payment-terms", "payment_schedule", REFUSE)],
    ),
    "payment terms that only a person understands": (
        {"form": {"payment_terms": "As discussed"}},
        [("order-form-payment-unclear", "order_form.payment_terms", WARN)],
    ),
    "another company on the order form": (
        {"form": {"company": "Example Holding"}},
        [("order-form-company", "company", APPROVAL)],
    ),
    "an org that keeps no order forms": (
        {"fields": {}, "form": dict.fromkeys(FIELDS)},
        [
            ("order-form-unknown", "order_form.signed", WARN),
            ("order-form-unknown", "order_form.billing_method", WARN),
        ],
    ),
    # The buyer account.
    "the seller's own account": (
        {"terms": {"buyer_accounts": SELLER}},
        [("own-account", "buyer_accounts", REFUSE)],
    ),
    "an account of another customer": (
        {"customer": OTHERS},
        [("account-of-another", "buyer_accounts", APPROVAL)],
    ),
    "another account than for the last purchase": (
        {"customer": MOVED},
        [("account-changed", "buyer_accounts", WARN)],
    ),
    "an active agreement": (
        {
            "marketplace": with_agreement(active=True),
            "terms": {"renewal": "AwsMarketplace"},
        },
        [("active-agreement", "buyer_accounts", REFUSE)],
    ),
    "another open offer": (
        {"marketplace": OPEN},
        [("open-offer", "buyer_accounts", REFUSE)],
    ),
    "a renewal that is not flagged": (
        {"marketplace": with_agreement(active=False)},
        [("renewal-not-flagged", "renewal", WARN)],
    ),
    "a flag without an earlier agreement": (
        {"terms": {"renewal": "AwsMarketplace"}},
        [("renewal-without-agreement", "renewal", WARN)],
    ),
    # The product, and the opportunity itself.
    "no such product": (
        {"marketplace": Marketplace(product=None)},
        [("no-such-product", "product_id", REFUSE)],
    ),
    "a product that is not listed": (
        {"marketplace": with_product(visibility="Restricted")},
        [("product-not-listed", "product_id", REFUSE)],
    ),
    "no such dimension": (
        {"terms": {"dimensions": "plattform"}},
        [("no-such-dimension", "dimensions", REFUSE)],
    ),
    "sold already": (
        {"customer": SOLD},
        [("sold-before", "stage", REFUSE)],
    ),
    # Combinations: an invalid term hides only its own findings.
    "a wrong account, too cheap, two years": (
        {
            "terms": {
                "buyer_accounts": "1",
                "price": {"amount": "5", "currency": "USD"},
                "duration_months": 24,
            },
            "form": {"amount": 5, "duration_months": 24},
        },
        [
            ("illegal", "buyer_accounts", REFUSE),
            ("not-annual", "duration_months", APPROVAL),
            ("below-minimum", "price", APPROVAL),
        ],
    ),
    "everything about the order form": (
        {"form": {"signed": False, "billing_method": "Card", "amount": 1, "company": "Other"}},
        [
            ("order-form-unsigned", "order_form.signed", REFUSE),
            ("billing-method", "order_form.billing_method", REFUSE),
            ("order-form-amount", "price", REFUSE),
            ("order-form-company", "company", APPROVAL),
        ],
    ),
    "an illegal price and a schedule": (
        SCHEDULED
        | {"terms": {"price": {"amount": "x", "currency": "USD"}, "payment_schedule": TWO_HALVES}},
        [("illegal", "price.amount", REFUSE), *FPS],
    ),
    "an active agreement, another customer's account and a wrong dimension": (
        {
            "marketplace": with_agreement(active=True),
            "customer": OTHERS,
            "terms": {"dimensions": "plattform", "renewal": "AwsMarketplace"},
        },
        [
            ("no-such-dimension", "dimensions", REFUSE),
            ("active-agreement", "buyer_accounts", REFUSE),
            ("account-of-another", "buyer_accounts", APPROVAL),
        ],
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_deal_with_a_problem_has_exactly_its_findings(problem: str) -> None:
    changes, expected = PROBLEMS[problem]
    report = preflight_report(**changes)
    assert [(f.code, f.field, f.severity) for f in report.findings] == expected
    assert report.has_refusal is any(severity is REFUSE for _, _, severity in expected)
    for finding in report.findings:
        assert finding.problem
        assert finding.remedy, "the finding has no remedy"
        assert (finding.role is not None) is (finding.severity is APPROVAL)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"terms": {"availability_end": "2026-04-01"}},
        {"terms": {"buyer_accounts": "1111-2222-3333"}},
        {"terms": {"starts_on": "2026-04-02", "availability_end": "2026-04-01"}},
        {
            "terms": {"net_payment_days": 30},
            "form": {"payment_terms": "Up front, Net 30"},
        },
        {"form": {"company": "EXAMPLE CORP."}},
        {"form": {"billing_method": "aws marketplace"}},
        {"form": {"amount": None, "payment_terms": None, "company": None}},
        {"marketplace": with_agreement(active=False), "terms": {"renewal": "AwsMarketplace"}},
        {"terms": {"renewal": "External"}},
        {
            "customer": Customer(
                others=(OtherCustomersUse(account_id=OTHER, opportunity_id="006OTHER"),),
                last_purchase=LastPurchase(
                    opportunity_id="006BEFORE", buyer_accounts=(OTHER, BUYER)
                ),
                shown_stage="expired",
            )
        },
    ],
)
def test_valid_deal_has_no_findings(changes: dict[str, Any]) -> None:
    report = preflight_report(**changes)
    assert report.findings == ()
    assert report.terms is not None
    assert report.contacts is not None


def test_order_form_finding_names_both_values_and_the_field() -> None:
    (finding,) = preflight_report(form={"amount": 12000.0}).findings
    assert finding.seen == "USD 120,000.00"
    assert "USD 12,000 (Form_amount__c)" in finding.problem


def test_finding_names_the_field_that_its_value_came_from() -> None:
    drafted = draft(facts(duration_months=24, availability_end="2026-05-01"), POLICY, TODAY)
    deal = Deal(order_form=OrderForm(values={"signed": False}, sources=FIELDS))
    sources = {"duration_months": "Months__c", "order_form.signed": "Another__c"}
    report = preflight(drafted, deal, POLICY, TODAY, sources)
    found = {each.field: each.source for each in report.findings}
    assert found["duration_months"] == "Months__c"
    assert found["order_form.signed"] == "Form_signed__c", "its own source is replaced"
    assert found["availability_end"] is None


def test_exception_quotes_its_rule() -> None:
    (finding,) = preflight_report({"duration_months": 24}, form={"duration_months": 24}).findings
    assert finding.rule is not None
    assert "12 months" in finding.rule
    assert finding.rule in str(finding)
    assert finding.role == "deal-desk"


def test_active_agreement_suggests_an_amendment() -> None:
    found = preflight_report(
        {"renewal": "AwsMarketplace"}, marketplace=with_agreement(active=True)
    ).findings
    assert "agmt-example" in found[0].problem
    assert "agreement-based offer (ABO)" in found[0].remedy


@pytest.mark.parametrize(
    ("action", "severities"), [("refuse", [REFUSE]), ("warn", [WARN]), ("off", [])]
)
def test_policy_sets_the_severity_of_an_exception(action: str, severities: list[Severity]) -> None:
    policy = Policy.model_validate({"rules": {"annual": {"action": action}}})
    report = preflight_report({"duration_months": 24}, form={"duration_months": 24}, policy=policy)
    assert [finding.severity for finding in report.findings] == severities


def test_terms_without_an_opportunity_have_one_finding() -> None:
    known = facts(buyer_email=..., owner_email=...)
    drafted = draft(known, POLICY, TODAY, contacts_needed=False)
    report = preflight(drafted, Deal(marketplace=Marketplace(product=PRODUCT)), POLICY, TODAY, {})
    assert [finding.code for finding in report.findings] == ["no-opportunity"]
    assert report.terms is not None


def test_most_severe_findings_come_first() -> None:
    report = preflight_report(
        {"availability_end": "2026-05-01", "duration_months": 24},
        form={"duration_months": 24, "signed": False},
    )
    severities = [finding.severity for finding in report.findings]
    assert severities == [REFUSE, APPROVAL, WARN]


def test_eula_approval_is_for_its_content() -> None:
    terms = {"eula": "https://example.com/eula.pdf?signature=secret"}
    (first,) = preflight_report(terms, contract=EulaContent(sha256="a" * 64)).findings
    (same,) = preflight_report(terms, contract=EulaContent(sha256="a" * 64)).findings
    (other,) = preflight_report(terms, contract=EulaContent(sha256="b" * 64)).findings
    assert first.is_same(same)
    assert not first.is_same(other)
    assert "secret" not in str(first)


def test_exception_without_an_approver_names_the_role() -> None:
    changes = {"duration_months": 24}
    (finding,) = preflight_report(changes, form=changes, policy=Policy()).findings
    assert "nobody holds the role deal-desk yet" in finding.remedy


def test_findings_have_no_secrets_and_personal_data() -> None:
    report = preflight_report(
        {"eula": "http://user:secret@example.com/eula.pdf?X-Amz-Signature=secret"},
        form={"payment_terms": "ask jane@example.com", "amount": "1e999999999"},
    )
    text = " ".join(map(str, report.findings))
    assert "secret" not in text
    assert "jane" not in text
    assert {f.code for f in report.findings} == {
        "illegal",
        "order-form-payment-unclear",
        "order-form-amount",
    }


@pytest.mark.parametrize(
    "words", ["Upfront, no installments", "Annual upfront per payment schedule in section 3"]
)
def test_ambiguous_payment_terms_are_a_warning(words: str) -> None:
    (finding,) = preflight_report(form={"payment_terms": words}).findings
    assert (finding.code, finding.severity) == ("order-form-payment-unclear", WARN)


def test_only_an_amendment_names_the_end_of_the_agreement() -> None:
    found = preflight_report({"agreement_end": "2027-03-05"}).findings
    assert ONLY_AMENDMENTS_END.code in {each.code for each in found}
