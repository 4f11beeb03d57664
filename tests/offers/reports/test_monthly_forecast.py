"""Expected money by month: what is certain, what is possible, and what is not agreed."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.agreements.agreement import Agreement, AgreementStatus
from offers.lifecycle.record import OfferRecord, StageEntry
from offers.lifecycle.summary import OfferSummary
from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.policy.payouts import PayoutRules
from offers.reports.monthly_forecast import CurrencyForecast, monthly_forecast
from offers.stage import Stage
from tests.support.builders import CONTACTS, terms

TODAY = date(2026, 3, 5)
RULES = PayoutRules()
OTHER: dict[str, Any] = {"opportunity_id": "0065g00000AbCdFAAV"}


def usd(amount: str | int) -> Money:
    return Money.of(amount, "USD")


def offer(stage: Stage, **changes: Any) -> OfferSummary:
    """An offer of 120,000 with a last day of April 1st; from `accepted` on,
    it was accepted on March 4th.
    """
    accepted = datetime(2026, 3, 4, 8, tzinfo=UTC)
    known: dict[str, Any] = {
        "opportunity_id": "0065g00000AbCdEAAV",
        "stage": stage,
        "terms": terms(),
        "contacts": CONTACTS,
        "offer_id": "offer-1",
        "history": [StageEntry(stage=stage, at=accepted)],
    }
    if stage in (Stage.ACCEPTED, Stage.TERMINATED):
        known["agreement"] = Agreement(
            agreement_id="agmt-1",
            offer_id="offer-1",
            buyer_account="111122223333",
            status=AgreementStatus.ACTIVE,
            accepted_at=accepted,
            starts_at=accepted,
        )
    record = OfferRecord.model_validate(known | changes)
    return OfferSummary.from_memo(OfferSummary.of(record).memo())


def by_month(forecast: CurrencyForecast, part: str = "agreed") -> dict[str, Any]:
    return {
        f"{each.month:%Y-%m}": (getattr(each, part).low.amount, getattr(each, part).high.amount)
        for each in forecast.months
    }


def test_payment_that_may_come_in_two_months_counts_in_both_and_is_certain_in_none() -> None:
    # Due on April 3rd; collected by April 17th: paid out with April's payouts, or with May's.
    found = monthly_forecast([offer(Stage.ACCEPTED)], RULES, TODAY)["USD"]
    assert by_month(found) == {"2026-04": (0, 116400), "2026-05": (0, 116400)}
    assert (found.agreed, found.overdue, found.not_agreed) == (usd(116400), usd(0), usd(0))


def test_payment_that_can_come_in_one_month_only_is_certain_in_it() -> None:
    rules = PayoutRules(pays_on=(), collection_days=5, bank_days=(1, 1))
    found = monthly_forecast([offer(Stage.ACCEPTED)], rules, TODAY)["USD"]
    assert by_month(found) == {"2026-04": (116400, 116400)}


def test_shared_offer_is_not_agreed_and_is_expected_as_if_accepted_on_its_last_day() -> None:
    found = monthly_forecast([offer(Stage.SHARED)], RULES, TODAY)["USD"]
    # Due on May 1st; collected by May 15th.
    assert by_month(found, "not_agreed") == {"2026-05": (0, 116400), "2026-06": (0, 116400)}
    assert by_month(found) == {"2026-05": (0, 0), "2026-06": (0, 0)}
    assert (found.agreed, found.not_agreed) == (usd(0), usd(116400))


@pytest.mark.parametrize(
    "stage", sorted(set(Stage) - {Stage.ACCEPTED, Stage.SHARED, Stage.DISBURSED})
)
def test_other_stages_bring_nothing(stage: Stage) -> None:
    assert monthly_forecast([offer(stage)], RULES, TODAY) == {}


def test_what_is_here_is_not_expected() -> None:
    paid = ReportRow.model_validate(
        {
            "offer_id": "offer-1",
            "invoice_id": "INV-1",
            "currency": "USD",
            "invoiced_on": "2026-03-04",
            "due_on": "2026-04-03",
            "gross": "120000",
            "listing_fee": "-3600",
            "disbursed": "116400",
            "undisbursed": "0",
            "disbursed_on": "2026-04-08",
        }
    )
    changes = {"disbursed": Decimal(100000), "undisbursed": Decimal(16400)}
    in_part = payout_from_report([paid.model_copy(update=changes)])
    found = monthly_forecast([offer(Stage.ACCEPTED, payout=in_part)], RULES, TODAY)["USD"]
    assert found.agreed == usd(16400)
    whole = payout_from_report([paid])
    assert monthly_forecast([offer(Stage.ACCEPTED, payout=whole)], RULES, TODAY) == {}


def test_overdue_payment_is_in_no_month() -> None:
    late = date(2026, 9, 1)
    found = monthly_forecast([offer(Stage.ACCEPTED), offer(Stage.SHARED, **OTHER)], RULES, late)[
        "USD"
    ]
    assert (found.overdue, found.agreed) == (usd(116400), usd(116400))
    assert by_month(found) == {"2026-09": (0, 0)}, "the shared offer's month alone"
    assert by_month(found, "not_agreed") == {"2026-09": (116400, 116400)}, "no month that is over"


def test_currencies_are_apart_and_months_without_money_are_there() -> None:
    schedule = "2026-03-04 60000.00; 2026-12-01 60000.00"
    euros = terms(price="120000.00 EUR", payment_schedule=schedule)
    offers = [offer(Stage.ACCEPTED, terms=euros), offer(Stage.ACCEPTED)]
    found = monthly_forecast(offers, RULES, TODAY)
    assert list(found) == ["EUR", "USD"]
    assert list(by_month(found["EUR"])) == [
        *(f"2026-{month:02}" for month in range(4, 13)),
        "2027-01",
        "2027-02",
    ]
    assert by_month(found["EUR"])["2026-08"] == (0, 0)
    assert found["EUR"].agreed == Money.of(116400, "EUR")


def test_shared_amendment_counts_with_what_it_changes() -> None:
    monthly = PayoutRules(pays_on=(), collection_days=5, bank_days=(1, 1))
    schedule = "2026-03-04 60000.00; 2026-12-01 60000.00"
    invoiced = ReportRow.model_validate(
        {
            "offer_id": "offer-1",
            "invoice_id": "INV-1",
            "currency": "USD",
            "invoiced_on": "2026-03-04",
            "due_on": "2026-04-03",
            "gross": "60000",
            "listing_fee": "-1800",
            "disbursed": "0",
            "undisbursed": "58200",
        }
    )
    original = offer(
        Stage.ACCEPTED,
        terms=terms(payment_schedule=schedule),
        payout=payout_from_report([invoiced]),
    )
    # The second half is carried over, half a year earlier, with 10,000 more; AWS keeps 1.5 %.
    amended = terms(
        price="70000.00 USD",
        payment_schedule="2026-06-01 70000.00",
        agreement_end="2027-03-03",
    )
    amendment = offer(Stage.SHARED, amendment=1, terms=amended)
    for offers in ([original, amendment], [amendment, original]):
        found = monthly_forecast(offers, monthly, TODAY)["USD"]
        assert (found.agreed, found.not_agreed) == (usd(116400), usd(68950) - usd(58200))
        months = by_month(found, "not_agreed")
        assert months["2026-07"] == (68950, 68950)
        assert (months["2026-12"], months["2027-01"]) == ((0, 0), (-58200, -58200))
        assert months["2026-04"] == (0, 0), "what was invoiced stays"
    unrelated = offer(Stage.SHARED, **OTHER)
    assert monthly_forecast([original, unrelated], monthly, TODAY)["USD"].not_agreed == usd(116400)
    found = monthly_forecast([original, amendment], RULES, TODAY)["USD"]
    assert by_month(found, "not_agreed")["2027-01"] == (-58200, 0), "it may be another month"


@given(
    days=st.lists(st.integers(0, 900), min_size=1, max_size=4, unique=True),
    today=st.integers(0, 900),
    pays_on=st.sampled_from([(), (7, 10), (28,)]),
    collection=st.integers(0, 60),
)
def test_no_month_has_more_than_the_whole_and_nothing_is_lost(
    days: list[int], today: int, pays_on: tuple[int, ...], collection: int
) -> None:
    start = date(2026, 3, 2)
    price = Decimal(1000 * len(days))
    schedule = [{"on": start + timedelta(days=day), "amount": Decimal(1000)} for day in days]
    sold = terms(price=usd(str(price)), payment_schedule=schedule, duration_months=36)
    rules = PayoutRules(pays_on=pays_on, collection_days=collection)
    offers = [offer(Stage.ACCEPTED, terms=sold), offer(Stage.SHARED, terms=sold, **OTHER)]
    now = start + timedelta(days=today)
    found = monthly_forecast(offers, rules, now)["USD"]
    whole = price * Decimal("0.97")
    assert found.agreed.amount == found.not_agreed.amount == whole
    coming = found.agreed - found.overdue
    for part, total in (("agreed", coming), ("not_agreed", found.not_agreed)):
        months = list(by_month(found, part).values())
        assert sum(low for low, _ in months) <= total.amount <= sum(high for _, high in months)
        assert all(0 <= low <= high <= total.amount for low, high in months)
    assert all(each.month >= now.replace(day=1) for each in found.months)
