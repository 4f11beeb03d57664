"""What the metrics count of the offers that wait."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.common import MetricMeter
from temporalio.service import RPCError, RPCStatusCode

from activities.temporal.offer_summaries import ListedOffer
from offers.lifecycle.attentions import Attention, AttentionCode, Vendor
from offers.lifecycle.summary import Deal, MoneySummary, OfferSummary, Progress, Wait
from offers.money import Currency
from offers.stage import Stage
from runtime import offer_metrics
from runtime.offer_metrics import OfferMetrics, attentions, overdue_payouts
from tests.support.vendors import NOW


def listed(
    *waiting: tuple[AttentionCode, Vendor | None],
    currency: Currency | None = None,
    overdue: str = "0",
) -> ListedOffer:
    summary = OfferSummary(
        deal=Deal(path="006TEST00000001YDA"),
        progress=Progress(
            stage=Stage.ACCEPTED,
            waits_for=Wait.PAYOUT,
            attentions=tuple(
                Attention(code=code, problem="", remedy="", since=NOW, vendor=vendor)
                for code, vendor in waiting
            ),
        ),
        money=MoneySummary(currency=currency, overdue=Decimal(overdue)),
    )
    return ListedOffer(WorkflowExecutionInfo(), summary)


UNREADABLE = ListedOffer(WorkflowExecutionInfo(), None)


def test_attentions_are_counted_by_code_and_vendor() -> None:
    """All of an offer's, and not its oldest alone."""
    refused, unresponsive = AttentionCode.CREDENTIALS_REJECTED, AttentionCode.VENDOR_UNRESPONSIVE
    counted = attentions(
        [
            listed((AttentionCode.TERMS_INVALID, None), (refused, Vendor.CLAZAR)),
            listed((refused, Vendor.CLAZAR), (unresponsive, Vendor.AWS)),
            UNREADABLE,
        ]
    )
    assert {key: count for key, count in counted.items() if count} == {
        (("code", "terms-invalid"), ("vendor", "none")): 1,
        (("code", "credentials-rejected"), ("vendor", "clazar")): 2,
        (("code", "vendor-unresponsive"), ("vendor", "aws")): 1,
    }
    shown = {dict(key)["code"] for key in counted}
    assert shown == set(AttentionCode), "an alert needs a metric before it first happens"


def test_overdue_payouts_are_counted_by_currency() -> None:
    late = (AttentionCode.PAYOUT_OVERDUE, None)
    amounts = overdue_payouts(
        [
            listed(late, currency="USD", overdue="100.50"),
            listed(late, currency="USD", overdue="1"),
            listed(late, currency="JPY", overdue="5000"),
            listed((AttentionCode.REFUND_DELAYED, None), currency="EUR"),
            UNREADABLE,
        ]
    )
    assert amounts.pop((("currency", "USD"),)) == [Decimal("100.50"), Decimal(1)]
    assert amounts.pop((("currency", "JPY"),)) == [Decimal(5000)]
    assert set(map(len, amounts.values())) == {0}


async def test_metrics_that_cannot_be_read_are_told_once_and_read_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    until = asyncio.Event()
    away = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    outcomes = [away, away, None, LookupError("jane@example.com"), None]

    async def refresh(_: OfferMetrics) -> None:
        outcome = outcomes.pop(0)
        if not outcomes:
            until.set()
        if outcome:
            raise outcome

    monkeypatch.setattr(OfferMetrics, "refresh", refresh)
    monkeypatch.setattr(offer_metrics, "EVERY_SECONDS", 0)
    client: Any = None
    await OfferMetrics(client, {}, MetricMeter.noop).keep_fresh(until)
    assert caplog.messages == [
        "metrics cannot be read: Temporal: UNAVAILABLE",
        "metrics cannot be read: LookupError",
    ]
