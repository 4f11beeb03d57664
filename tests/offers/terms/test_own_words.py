"""What we print in one place is understood in every other."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.findings import Finding
from offers.lifecycle.clazar_field_sheet import field_sheet
from offers.money import MINOR_DIGITS, Money
from offers.policy.policy import Policy
from offers.preflight import consistency, selling_rules
from offers.preflight.check import findings_of
from offers.terms.parsing import parse_day
from offers.terms.terms import NET_DAYS, TERM_FIELDS, OfferTerms, StandardEula
from tests.support.amounts import currencies
from tests.support.builders import TODAY, terms
from tests.support.builders import term_finding as finding
from tests.support.deals import preflight_report

keys = st.text("ab x1-", min_size=1, max_size=12).filter(str.strip)
names = st.text("A\u00e9\u0915\u093f &.-", min_size=1, max_size=30).filter(str.strip)


@st.composite
def any_terms(draw: st.DrawFn) -> OfferTerms:
    """Legal terms of every kind."""
    currency = draw(currencies)
    unit = Decimal(1).scaleb(-MINOR_DIGITS[currency])
    amounts = draw(st.lists(st.integers(1, 10**7), max_size=4))
    days = draw(st.lists(st.dates(TODAY, date(2199, 1, 1)), min_size=4, max_size=4))
    price = sum(amounts) if amounts else draw(st.integers(1, 10**7))
    return terms(
        buyer_accounts=draw(
            st.lists(st.text("0123456789", min_size=12, max_size=12), min_size=1, max_size=26)
        ),
        company=draw(names),
        offer_name=draw(names),
        dimensions=[
            {"key": draw(keys), "quantity": draw(st.integers(1, 2**31 - 1) | st.just(1))}
            for _ in range(draw(st.integers(1, 4)))
        ],
        price=Money(amount=price * unit, currency=currency),
        payment_schedule=[
            {"on": day, "amount": amount * unit} for day, amount in zip(days, amounts, strict=False)
        ],
        net_payment_days=draw(st.sampled_from([None, *NET_DAYS])),
        duration_months=draw(st.integers(1, 144)),
        starts_on=draw(st.none() | st.dates(TODAY, date(2190, 1, 1))),
        availability_end=draw(st.dates(TODAY, date(2199, 1, 1))),
        eula=draw(
            st.sampled_from(["standard", "https://example.com/a-b.pdf\ns3://example/c%20d.pdf"])
        ),
        renewal=draw(st.sampled_from([None, "External", "AwsMarketplace"])),
    )


def read_back(sheet: dict[str, list[str]]) -> dict[str, Any]:
    """Terms from what a person copies out of the field sheet."""
    (currency,), (price,) = sheet["Currency"], sheet["Total price"]
    instalments = [
        value for label, values in sheet.items() if "Instalment" in label for value in values
    ]
    return {
        "buyer_accounts": sheet["Buyer AWS account ID"][0],
        "company": sheet["Company name"][0],
        "offer_name": sheet["Offer name"][0],
        "dimensions": "; ".join(sheet["Dimension"]),
        "price": f"{price} {currency}",
        "payment_schedule": "; ".join(instalments) or sheet["Offer type"][0],
        "net_payment_days": sheet.get("Net payment terms", [None])[0],
        "duration_months": sheet["Contract duration"][0],
        "starts_on": sheet.get("Service start date", [None])[0],
        "availability_end": sheet["Expiration date"][0],
        "eula": "\n".join(sheet.get("Document", sheet["EULA type"])),
        "renewal": sheet.get("Renewal", [None])[0],
    }


@given(any_terms())
def test_field_sheet_reads_back(sold: OfferTerms) -> None:
    sheet: dict[str, list[str]] = {}
    for field in field_sheet(sold):
        sheet.setdefault(field.label, []).append(field.value)
    read = terms(**read_back(sheet))
    by_day = {"payment_schedule": tuple(sorted(sold.payment_schedule, key=lambda each: each.on))}
    assert read == sold.model_copy(update=by_day)


@given(any_terms())
def test_what_findings_show_reads_back(sold: OfferTerms) -> None:
    found = findings_of(selling_rules.CHECKS, sold, TERM_FIELDS, Policy(), TODAY)
    for each in found:
        if each.seen is None or len(each.seen) > 500:
            continue
        read = terms(**({"price": sold.price} | {each.field: each.seen}))
        assert getattr(read, each.field) == getattr(sold, each.field)


@pytest.mark.parametrize(
    "words",
    [
        "Standard Contract for AWS Marketplace",
        "standard contract",
        "Standard EULA",
        "STANDARD",
        "Standard\u00a0Contract for AWS Marketplace",
    ],
)
def test_names_of_the_standard_contract(words: str) -> None:
    assert terms(eula=words).eula == StandardEula()


@pytest.mark.parametrize(
    "words", ["Net 30 days", "net-30", "Net30", "NET 30 Days", "30 days", "Net\u00a030\u00a0days"]
)
def test_payment_terms_of_the_order_form_are_terms(words: str) -> None:
    assert terms(net_payment_days=words).net_payment_days == 30
    given_terms = {"net_payment_days": 30}
    if "et" in words.lower():
        assert preflight_report(given_terms, form={"payment_terms": words}).findings == ()


@pytest.mark.parametrize(
    "form",
    [
        {"amount": "120,000.00"},
        {"amount": "120.000,00"},
        {"amount": "120000"},
        {"amount": "USD 120,000.00"},
        {"amount": "120000.00 USD", "currency": None},
        {"amount": 119999.99999999999},
        {"currency": " usd\u200b"},
        {"duration_months": "12 months"},
        {"duration_months": "P12M"},
        {"duration_months": 12.0},
        {"company": "Example\u00a0Corp\u200b"},
        {"billing_method": "AWS\u00a0Marketplace"},
    ],
)
def test_order_form_is_understood(form: dict[str, Any]) -> None:
    assert preflight_report(form=form).findings == ()


@pytest.mark.parametrize(
    ("form", "code", "said"),
    [
        ({"amount": "110.000"}, "amount", "'110.000' (it could be 110,000.00 or 110.00)"),
        ({"amount": "120.00"}, "amount", "USD 120"),
        ({"amount": 119999.9833}, "amount", "USD 119,999.9833"),
        ({"amount": True}, "amount", "'True' (it is not an amount)"),
        ({"amount": 10**400}, "amount", "USD 1"),
        ({"amount": "120000 USD", "currency": "EUR"}, "amount", "its currency field says EUR"),
        ({"currency": "CHF"}, "amount", "its currency is none of USD"),
        ({"currency": 12}, "amount", "its currency is none of USD"),
        ({"duration_months": True}, "duration-months", "'True'"),
        ({"duration_months": "a year"}, "duration-months", "'a year'"),
        ({"company": 12}, "company", "12"),
    ],
)
def test_order_form_that_says_something_else(form: dict[str, Any], code: str, said: str) -> None:
    (found,) = preflight_report(form=form).findings
    assert found.code == f"order-form-{code}"
    assert said in found.problem


@pytest.mark.parametrize("value", [30, True, 12.5, "x " * 100_000])
def test_payment_terms_that_are_no_text_are_for_a_person(value: Any) -> None:
    (found,) = preflight_report(form={"payment_terms": value}).findings
    assert found.code == "order-form-payment-unclear"


def test_instalments_name_the_currency_of_the_price() -> None:
    sold = terms(
        price="120000.00 USD",
        payment_schedule="2026-03-02 USD 60,000.00; 60,000.00 USD on 2026-09-02",
    )
    assert [each.amount for each in sold.payment_schedule] == [60000, 60000]
    found = finding(payment_schedule="2026-03-02 EUR 120,000.00")
    assert "instalment 1 is in EUR, and the price in USD" in found.problem


def test_a_key_that_ends_like_a_quantity_reads_back() -> None:
    sold = terms(dimensions=[{"key": "seats x 5"}, {"key": "seats x 5", "quantity": 2}])
    assert terms(dimensions="; ".join(map(str, sold.dimensions))).dimensions == sold.dimensions


@given(
    st.lists(st.integers(-60, 500), min_size=1, max_size=3, unique=True),
    st.integers(1, 12),
    st.sampled_from([None, -400, -30, 0, 1, 40]),
)
def test_days_that_remedies_name_are_legal(
    charges: list[int], months: int, start: int | None
) -> None:
    schedule = [
        {"on": TODAY + timedelta(days=each), "amount": Decimal(120000) / len(charges)}
        for each in charges
    ]
    sold = terms(
        payment_schedule=schedule,
        duration_months=months,
        starts_on=None if start is None else TODAY + timedelta(days=start),
    )
    for found in findings_of(consistency.CHECKS, sold, TERM_FIELDS, TODAY):
        if found.code == "charge-after-end":
            check_last_charge(sold, found)


def check_last_charge(sold: OfferTerms, found: Finding) -> None:
    words = found.remedy.split("Let it be due by ")
    if len(words) == 1:
        return
    day = parse_day(words[1].partition(",")[0])
    assert day >= TODAY
    *others, _ = sorted(sold.payment_schedule, key=lambda each: each.on)
    moved = [*others, others[0].model_copy(update={"on": day})] if others else []
    if moved and day > others[-1].on:
        changed = sold.model_copy(update={"payment_schedule": tuple(moved)})
        codes = [each.code for each in findings_of(consistency.CHECKS, changed, TERM_FIELDS, TODAY)]
        assert "charge-after-end" not in codes


@pytest.mark.parametrize("days", [15, 30, 45, 60, 90, 120])
def test_payment_terms_of_aws(days: int) -> None:
    assert terms(net_payment_days=days).net_payment_days == days
