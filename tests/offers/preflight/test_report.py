"""Preflight: each deal with a problem has exactly its findings, and a valid one has none."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from offers.findings import Finding, Severity
from offers.money import Money
from offers.policy.policy import Policy
from offers.preflight.customer import Customer, LastPurchase, OtherCustomersUse
from offers.preflight.draft import draft
from offers.preflight.eula import EulaContent
from offers.preflight.marketplace import HeldAgreement, Marketplace, OpenOffer, Product
from offers.preflight.order_form import OrderForm
from offers.preflight.report import ONLY_AMENDMENTS_END, Deal, preflight
from runtime.toml_files import read_toml
from tests.support.builders import BUYER, TODAY, facts
from tests.support.deals import FIELDS, ORDER_FORM, POLICY, PRODUCT, SELLER, preflight_report

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
    "a contract of 145 months": (
        {"terms": {"duration_months": 145}},
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
    ("months", "instalments", "codes"),
    [
        (60, 60, []),
        (61, 60, ["long-contract"]),
        (60, 61, ["many-instalments"]),
        (144, 86, ["long-contract", "many-instalments"]),
    ],
)
def test_more_than_aws_documents_is_a_warning(
    months: int, instalments: int, codes: list[str]
) -> None:
    days = [f"{2026 + n // 12}-{n % 12 + 1:02}-02" for n in range(4, 4 + instalments - 1)]
    lines = [f"{day} 1000.00" for day in ["2026-03-02", *days]]
    changes = {
        "duration_months": months,
        "payment_schedule": "\n".join(lines),
        "price": f"{instalments}000.00 USD",
    }
    findings = preflight_report(changes).findings
    about = [each for each in findings if each.code in ("long-contract", "many-instalments")]
    assert [each.code for each in about] == codes
    assert {each.severity for each in about} <= {WARN}


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


HALVES = "2026-03-02 60,000.00; 2026-09-02 60,000.00"
SEEN: dict[str, list[str | None]] = {
    "an account of 11 digits": ["11112222333"],
    "27 accounts": [None],
    "a currency AWS does not take": ["CHF"],
    "a name that AWS forbids": ["Example <Corp>"],
    "the last day is today": ["2026-03-02"],
    "a start before the last day": ["2026-04-01"],
    "a dimension twice": ["platform", None],
    "instalments that do not add up": [
        "USD 120,000.01",
        "2026-03-02 60,000.00; 2026-09-02 60,000.01",
        None,
    ],
    "two instalments on one day": [
        "2026-09-02",
        "2026-09-02 60,000.00; 2026-09-02 60,000.00",
        None,
    ],
    "a first instalment in the past": [
        "2026-03-01",
        "2026-03-01 60,000.00; 2026-09-02 60,000.00",
        None,
    ],
    "two instalments before the last day": [
        "2026-04-01",
        "2026-03-02 60,000.00; 2026-04-01 60,000.00",
        None,
    ],
    "an instalment after the end": [
        "2027-03-02",
        "2026-03-02 60,000.00; 2027-03-02 60,000.00",
        None,
    ],
    "an offer that cannot be extended": [
        "2026-03-02 60,000.00; 2026-04-15 60,000.00",
        "2026-04-15",
        None,
    ],
    "two years": ["24"],
    "a payment schedule": [HALVES, None],
    "below the minimum": ["USD 99,999.99"],
    "a currency without a minimum": ["EUR 120,000.00"],
    "31 days to accept": ["2026-04-02"],
    "a custom contract": ["https://example.com/eula.pdf"],
    "another billing method": ["Invoice"],
    "no billing method": [None],
    "another amount on the order form": ["USD 120,000.00"],
    "another term on the order form": ["12 months"],
    "instalments on the order form": ["up front"],
    "payment terms that only a person understands": ["As discussed"],
    "another company on the order form": ["Example Corp"],
    "the seller's own account": [SELLER],
    "an account of another customer": [BUYER],
    "another account than for the last purchase": [BUYER],
    "an active agreement": [BUYER],
    "another open offer": [BUYER],
    "a renewal that is not flagged": [None],
    "a flag without an earlier agreement": ["AwsMarketplace"],
    "no such product": ["prod-examplesaas01"],
    "a product that is not listed": ["prod-examplesaas01 is Restricted"],
    "no such dimension": ["plattform"],
    "sold already": ["accepted"],
}


@pytest.mark.parametrize("problem", SEEN)
def test_finding_shows_the_value_that_is_wrong(problem: str) -> None:
    changes, _ = PROBLEMS[problem]
    assert [each.seen for each in preflight_report(**changes).findings] == SEEN[problem]


@pytest.mark.parametrize(
    ("problem", "source"),
    [
        ("an order form that is not signed", "Form_signed__c"),
        ("no billing method", "Form_billing_method__c"),
        ("payment terms that only a person understands", "Form_payment_terms__c"),
        ("sold already", "Offer_Stage__c"),
    ],
)
def test_finding_names_the_field_of_salesforce(problem: str, source: str) -> None:
    (finding,) = preflight_report(**PROBLEMS[problem][0]).findings
    assert finding.source == source


def of_account(account: str, *, active: bool) -> HeldAgreement:
    return HeldAgreement(
        agreement_id=f"agmt-{account}", offer_id="offer-x", account_id=account, active=active
    )


@pytest.mark.parametrize("flag", [None, "AwsMarketplace"])
def test_agreements_and_offers_of_other_accounts_do_not_matter(flag: str | None) -> None:
    open_to_others = OpenOffer(offer_id="offer-x", buyer_accounts=(OTHER,), availability_end=TODAY)
    others = Marketplace(
        product=PRODUCT,
        agreements=(of_account(OTHER, active=True),),
        open_offers=(open_to_others,),
    )
    found = preflight_report({"renewal": flag or ...}, marketplace=others).findings
    assert [each.code for each in found] == (["renewal-without-agreement"] if flag else [])
    ours = others.model_copy(update={"agreements": (of_account(BUYER, active=False),)})
    found = preflight_report({"renewal": flag or ...}, marketplace=ours).findings
    assert [each.code for each in found] == ([] if flag else ["renewal-not-flagged"])
    both = (of_account(OTHER, active=False), of_account(BUYER, active=False))
    mixed = others.model_copy(update={"agreements": both})
    for finding in preflight_report(marketplace=mixed).findings:
        assert f"({both[1].agreement_id})" in finding.problem
        assert both[0].agreement_id not in finding.problem


def test_agreement_is_named_with_its_end() -> None:
    flag = {"renewal": "AwsMarketplace"}
    (finding,) = preflight_report(flag, marketplace=with_agreement(active=True)).findings
    assert "(agmt-example, until 1 Sep 2026)" in finding.problem
    endless = Marketplace(product=PRODUCT, agreements=(of_account(BUYER, active=True),))
    (finding,) = preflight_report(flag, marketplace=endless).findings
    assert f"(agmt-{BUYER})" in finding.problem


KNOWN = OpenOffer(offer_id="offer-known", buyer_accounts=(BUYER,), availability_end=TODAY)


def test_offer_that_salesforce_shows_is_still_open() -> None:
    shown = Marketplace(product=PRODUCT, known_offer=KNOWN)
    (finding,) = preflight_report(marketplace=shown).findings
    assert (finding.code, finding.field, finding.seen) == (
        "open-offer",
        "opportunity",
        "offer-known",
    )


@pytest.mark.parametrize(
    ("stage", "runs"),
    [
        *((each, True) for each in ("draft", "submitted", "generating", "failed", "live")),
        *(("shared", True), ("accepted", False), ("disbursed", False), ("expired", False)),
        *(("cancelled", False), ("replaced", False), ("terminated", False), (None, False)),
    ],
)
def test_offer_that_runs_already_is_found_before_the_start(stage: str | None, runs: bool) -> None:
    deal = Deal(
        order_form=OrderForm(values=ORDER_FORM, sources=FIELDS),
        customer=Customer(shown_stage=stage, stage_field="Stage__c"),
        marketplace=Marketplace(product=PRODUCT, known_offer=KNOWN),
        before_start=True,
    )
    drafted = draft(facts(), POLICY, TODAY)
    sold = ["sold-before"] if stage in ("accepted", "disbursed") else []
    found = preflight(drafted, deal, POLICY, TODAY, {}).findings
    codes = ["already-running"] if runs else [*sold, "open-offer"]
    assert [each.code for each in found] == codes
    if runs:
        assert (found[0].field, found[0].seen, found[0].source) == ("stage", stage, "Stage__c")
    started = deal.model_copy(update={"before_start": False})
    found = preflight(drafted, started, POLICY, TODAY, {}).findings
    assert [each.code for each in found] == [*sold, "open-offer"]


@pytest.mark.parametrize(
    ("form", "codes"),
    [
        ({"amount": "120,000.00 USD", "currency": None}, []),
        ({"amount": "120000"}, []),
        ({"amount": 120000}, []),
        ({"amount": "120,000.00 EUR", "currency": None}, ["order-form-amount"]),
        ({"amount": "120,000.00 USD", "currency": "EUR"}, ["order-form-amount"]),
        ({"amount": True}, ["order-form-amount"]),
        ({"currency": "CHF"}, ["order-form-amount"]),
        ({"currency": 5}, ["order-form-amount"]),
        ({"currency": " usd "}, []),
        ({"duration_months": "12 months"}, []),
        ({"duration_months": "a year"}, ["order-form-duration-months"]),
        ({"payment_terms": "Prepaid"}, []),
        ({"payment_terms": "paid in advance"}, []),
        ({"payment_terms": "UP-FRONT"}, []),
        ({"payment_terms": "Monthly"}, ["order-form-payment-terms"]),
        ({"payment_terms": "Semi-annual"}, ["order-form-payment-terms"]),
        ({"payment_terms": "per schedule"}, ["order-form-payment-terms"]),
        ({"payment_terms": "2 instalments"}, ["order-form-payment-terms"]),
        ({"payment_terms": "Net 30"}, ["order-form-payment-terms"]),
        ({"payment_terms": 5}, ["order-form-payment-unclear"]),
        ({"payment_terms": "upfront" + " " * 1993}, []),
        ({"payment_terms": "upfront" + " " * 1994}, ["order-form-payment-unclear"]),
        ({"company": 5}, ["order-form-company"]),
        ({"signed": "yes"}, ["order-form-unsigned"]),
        ({"billing_method": 5}, ["billing-method"]),
    ],
)
def test_readings_of_the_order_form(form: dict[str, Any], codes: list[str]) -> None:
    assert [each.code for each in preflight_report(form=form).findings] == codes


def test_opportunity_in_another_currency() -> None:
    values = {name: value for name, value in ORDER_FORM.items() if name != "currency"}
    for currency, codes in (
        ("USD", []),
        ("EUR", ["order-form-amount", "opportunity-currency"]),
    ):
        form = OrderForm(values=values, sources=FIELDS, opportunity_currency=currency)
        deal = Deal(order_form=form, marketplace=Marketplace(product=PRODUCT))
        found = preflight(draft(facts(), POLICY, TODAY), deal, POLICY, TODAY, {}).findings
        assert [each.code for each in found] == codes
        for each in found:
            assert (each.field, each.seen) == ("price", "USD 120,000.00")


def test_net_days_of_the_order_form_are_those_of_the_offer() -> None:
    for days, agreed in ((45, True), (30, False), (None, False)):
        sold: dict[str, Any] = {"net_payment_days": days} if days else {}
        found = preflight_report(sold, form={"payment_terms": "Upfront, net 45"}).findings
        assert (found == ()) is agreed
    words = {"payment_terms": "Two instalments, net-45"}
    sold = {"payment_schedule": TWO_HALVES, "net_payment_days": 45}
    assert [each.code for each in preflight_report(sold, form=words).findings] == [
        "not-upfront",
        "needs-invoicing",
    ]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"availability_end": "2026-03-03"}, []),
        (halves("2026-03-02", "2026-04-02"), ["extension-trap"]),
        (halves("2026-03-02", "2026-05-01"), ["extension-trap"]),
        (halves("2026-03-02", "2026-05-02"), []),
        (halves("2026-04-02", "2027-03-01"), []),
        (halves("2026-05-01", "2027-04-29") | {"starts_on": "2026-05-01"}, []),
        ({"price": {"amount": "100000", "currency": "USD"}}, []),
    ],
)
def test_last_deal_within_a_rule(changes: dict[str, Any], codes: list[str]) -> None:
    form = {"amount": None, "payment_terms": None}
    found = preflight_report(changes, form=form).findings
    usual = {"not-upfront", "needs-invoicing"}
    assert [each.code for each in found if each.code not in usual] == codes


EXAMPLES = Path(__file__).parents[3] / "examples"
POLICY_2026 = read_toml(EXAMPLES / "policy-2026.toml", Policy)
NET_30 = {"payment_terms": "Upfront, net 30"}
RENEWAL = {"renewal": {"channel": "External"}}


@pytest.mark.parametrize(
    ("sold", "form", "codes"),
    [
        ({"net_payment_days": 30}, NET_30, []),
        ({"net_payment_days": 45}, NET_30, ["order-form-payment-terms"]),
        ({}, NET_30, ["no-payment-terms", "order-form-payment-terms"]),
        ({}, {"payment_terms": "Upfront"}, ["no-payment-terms"]),
        ({"net_payment_days": 30, "starts_on": "2026-05-01"}, NET_30, ["start-date"]),
        ({"net_payment_days": 30} | RENEWAL, NET_30, ["start-date"]),
        ({"net_payment_days": 30, "starts_on": "2026-05-01"} | RENEWAL, NET_30, []),
        (
            {"net_payment_days": 30, "price": {"amount": "20000", "currency": "USD"}},
            NET_30 | {"amount": 20000},
            [],
        ),
        (
            {"net_payment_days": 30, "price": {"amount": "19999.99", "currency": "USD"}},
            NET_30 | {"amount": 19999.99},
            ["below-minimum"],
        ),
    ],
)
def test_rules_of_the_handbook_of_2026(
    sold: dict[str, Any], form: dict[str, Any], codes: list[str]
) -> None:
    report = preflight_report(sold, form=form, policy=POLICY_2026)
    ours = [each for each in report.findings if each.rule]
    assert sorted(each.code for each in ours) == sorted(codes)
    texts = {POLICY_2026.rules.payment_terms.text, POLICY_2026.rules.start_date.text}
    assert all(each.rule in texts for each in ours if each.code != "below-minimum")


def test_payment_terms_that_no_field_tells_are_for_a_person_under_that_rule() -> None:
    fields = {name: field for name, field in FIELDS.items() if name != "payment_terms"}
    form = {"payment_terms": None}
    sold = {"net_payment_days": 30}
    (found,) = preflight_report(sold, form=form, fields=fields, policy=POLICY_2026).findings
    assert (found.code, found.field) == ("order-form-unknown", "order_form.payment_terms")
    assert preflight_report(sold, form=form, fields=fields).findings == ()


def test_credits_of_2026_are_on_the_amount_paid() -> None:
    first, _ = POLICY_2026.credits.statements(Money.of("120000", "USD"))
    assert first.endswith("3% of the amount paid back as AWS credits: USD 3,600.00 in all.")
