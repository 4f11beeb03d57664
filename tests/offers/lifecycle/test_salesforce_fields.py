"""Which fields of an opportunity say where its offer and its amendments are."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from offers.findings import Finding
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.record import Amendment, OfferRecord
from offers.lifecycle.salesforce_fields import (
    AMOUNTS,
    TEXT_LENGTH,
    OpportunityUpdate,
    as_json,
    opportunity_update,
)
from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.forecast import ExpectedPayment, Step
from offers.stage import Stage
from tests.support.agreements import accepted_offer, agreement
from tests.support.builders import CONTACTS, NOW, terms

AMENDMENT = {"amendment_stage", "amendment_offer_id"}


@pytest.mark.parametrize(
    ("changes", "written", "left"),
    [
        pytest.param({}, {"stage", "offer_id"}, AMENDMENT, id="offer"),
        pytest.param(
            {"amends": accepted_offer()}, AMENDMENT, {"stage", "offer_id"}, id="open amendment"
        ),
        pytest.param(
            {"amends": accepted_offer(), "agreement": agreement()},
            {"stage", "offer_id", *AMENDMENT},
            set(),
            id="accepted amendment",
        ),
        pytest.param(
            {
                "amends": accepted_offer(),
                "agreement": agreement(),
                "amendments": (Amendment(number=2, stage=Stage.SHARED),),
            },
            {"stage", "offer_id"},
            AMENDMENT,
            id="accepted amendment that is amended itself",
        ),
    ],
)
def test_who_writes_which_fields(
    changes: dict[str, Any], written: set[str], left: set[str]
) -> None:
    record = OfferRecord(opportunity_id="0065g00000AbCdEAAV", terms=terms(), **changes)
    values = opportunity_update(record).values
    assert written <= values.keys()
    assert left.isdisjoint(values)


def test_what_waits_for_a_person() -> None:
    waits = Attention(
        code=AttentionCode.CREDENTIALS_REJECTED,
        problem="Clazar rejects the credentials",
        remedy="Renew them",
        since=NOW,
    )
    record = OfferRecord(opportunity_id="0065g00000AbCdEAAV", attentions=(waits,))
    written = opportunity_update(record).values["attention"]
    assert written == "Clazar rejects the credentials. Renew them"
    record.attentions = ()
    assert opportunity_update(record).values["attention"] is None


PAID = ReportRow.model_validate(
    {
        "offer_id": "offer-1",
        "invoice_id": "INV-1",
        "currency": "USD",
        "invoiced_on": "2026-03-05",
        "due_on": "2026-04-04",
        "gross": "60000",
        "listing_fee": "-1800.50",
        "disbursed": "1000",
        "undisbursed": "57199.50",
        "disbursed_on": "2026-04-10",
        "bank_trace_id": "trace-1",
    }
)


def expected(latest: date) -> ExpectedPayment:
    return ExpectedPayment(
        invoice_id=None,
        amount=Money.of(1, "USD"),
        step=Step.INVOICE,
        earliest=date(2026, 4, 1),
        latest=latest,
        overdue_on=date(2026, 4, 1),
        reason="x",
    )


def accepted() -> OfferRecord:
    payout = payout_from_report([PAID])
    (invoice,) = payout.invoices
    collected = invoice.model_copy(update={"collected_on": date(2026, 4, 9)})
    return OfferRecord(
        opportunity_id="0065g00000AbCdEAAV",
        stage=Stage.ACCEPTED,
        terms=terms(),
        contacts=CONTACTS,
        change_set_id="changeset-1",
        offer_id="offer-1",
        offer_url="https://example.com/offer-1",
        agreement=agreement(initial_agreement_id="agmt-0"),
        payout=payout.model_copy(update={"invoices": (collected,)}),
        expected_payments=(expected(date(2026, 5, 13)), expected(date(2026, 5, 8))),
    )


def test_every_value_of_an_accepted_offer() -> None:
    update = opportunity_update(accepted())
    assert (update.opportunity_id, update.stage) == ("0065g00000AbCdEAAV", Stage.ACCEPTED)
    assert update.currency == "USD"
    assert update.values == {
        "stage": "accepted",
        "offer_id": "offer-1",
        "offer_url": "https://example.com/offer-1",
        "expires_at": "2026-04-01T23:59:59.000+0000",
        "change_set_id": "changeset-1",
        "agreement_id": "agmt-1",
        "accepted_at": "2026-03-05T14:00:00.000+0000",
        "amount": 120000.0,
        "listing_fee": 1800.5,
        "net_amount": 116400.0,
        "disbursed_amount": 1000.0,
        "disbursed_on": "2026-04-10",
        "invoiced_amount": 60000.0,
        "invoiced_on": "2026-03-05",
        "payment_due_on": "2026-04-04",
        "collected_on": "2026-04-09",
        "payout_state": "partially disbursed",
        "payout_expected_on": "2026-05-13",
        "bank_trace_ids": "trace-1",
        "agreement_status": "ACTIVE",
        "initial_agreement_id": "agmt-0",
        "attention": None,
        "decisions": None,
    }


def test_what_is_not_known_empties_its_field() -> None:
    update = opportunity_update(OfferRecord(opportunity_id="0065g00000AbCdEAAV"))
    known = {name: value for name, value in update.values.items() if value is not None}
    assert known == {"stage": "draft"}
    assert update.currency is None
    assert update.values.keys() == opportunity_update(accepted()).values.keys()
    unpaid = opportunity_update(accepted().model_copy(update={"payout": None})).values
    assert (unpaid["listing_fee"], unpaid["net_amount"]) == (3600.0, 116400.0), "not as expected"
    changes = {"payout": None, "contacts": None}
    of_unknown_country = opportunity_update(accepted().model_copy(update=changes)).values
    assert of_unknown_country["net_amount"] == 115200.0, "it could be Korea, with 4 %"


def test_open_amendment_writes_its_stage_and_offer() -> None:
    amendment = OfferRecord(
        opportunity_id="0065g00000AbCdEAAV",
        stage=Stage.SHARED,
        terms=terms(),
        offer_id="offer-2",
        amends=accepted_offer(),
        amendment=1,
    )
    written = {"amendment_stage": "shared", "amendment_offer_id": "offer-2"}
    assert opportunity_update(amendment).values == written


def test_findings_go_before_attentions_and_long_text_is_cut() -> None:
    waits = Attention(code=AttentionCode.TERMS_INVALID, problem="P", remedy="R", since=NOW)
    record = OfferRecord(opportunity_id="0065g00000AbCdEAAV", attentions=(waits, waits))
    assert opportunity_update(record).values["attention"] == "P. R; P. R"
    findings = [Finding(field=f, problem="p", remedy="r") for f in ("price", "company")]
    record.findings = tuple(findings)
    assert opportunity_update(record).values["attention"] == "price: p. r.; company: p. r."
    record.findings = tuple(findings * 20)
    assert len(str(opportunity_update(record).values["attention"])) <= TEXT_LENGTH


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (None, None),
        ("text", "text"),
        (Money.of("999999999.99", "USD"), 999999999.99),
        (datetime(2026, 3, 2, 9, 0, 1, 999, tzinfo=UTC), "2026-03-02T09:00:01.000+0000"),
        (
            datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=2))),
            "2026-03-01T23:00:00.000+0000",
        ),
        (date(2026, 3, 2), "2026-03-02"),
    ],
)
def test_value_as_salesforce_takes_it(value: Any, json: Any) -> None:
    assert as_json(value) == json


@pytest.mark.parametrize("attention", [None, "Renew them", "x" * 2 * TEXT_LENGTH])
def test_amounts_of_another_currency_are_left_empty(attention: str | None) -> None:
    values = opportunity_update(accepted()).values | {"attention": attention}
    update = OpportunityUpdate(
        opportunity_id="x", stage=Stage.ACCEPTED, values=values, currency="USD"
    )
    written = update.without_amounts("EUR")
    emptied = {name for name in values if values[name] is not None and written[name] is None}
    assert (
        emptied
        == AMOUNTS
        == {
            "amount",
            "listing_fee",
            "net_amount",
            "disbursed_amount",
            "invoiced_amount",
        }
    )
    said = str(written["attention"])
    assert said.endswith("Amounts are left empty: the offer is in USD, this in EUR")
    assert said.startswith((attention or "Amounts")[:5])
    assert len(said) <= TEXT_LENGTH
    open_amendment = update.model_copy(update={"values": {"amendment_stage": "shared"}})
    assert open_amendment.without_amounts("EUR").keys() == {"amendment_stage", "attention"}
