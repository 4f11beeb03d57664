"""The Agreement API's list of invoices."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.marketplace_state import Agreement
from sandbox.marketplace import agreements, buyers
from sandbox.tests.support.aws_seller import BUYER, Details, Seller, schedule, status_and_code

TWO = schedule(("2026-03-02", "70000.00"), ("2026-09-02", "50000.00"))


@pytest.fixture
def agreement(seller: Seller) -> Agreement:
    return buyers.accept(seller.world, seller.create_offer(UpdatePaymentScheduleTerms=TWO), BUYER)


def invoices(seller: Seller, agreement: Agreement, **request: Any) -> list[Details]:
    answer = seller.agreements.list_agreement_invoice_line_items(
        agreementId=agreement.id, groupBy="INVOICE_ID", **request
    )
    listed: list[Details] = answer["agreementInvoiceLineItemGroupSummaries"]
    return listed


def test_an_invoice(seller: Seller, agreement: Agreement) -> None:
    (invoice,) = invoices(seller, agreement)
    assert invoice["agreementId"] == agreement.id
    assert invoice["pricingCurrencyAmount"] == {
        "amount": "70000.00",
        "maxAdjustmentAmount": "70000.00",
        "currencyCode": "USD",
    }
    assert invoice["issuedTime"] == datetime(2026, 3, 2, 9, 46, tzinfo=UTC)
    assert invoice["invoiceBillingPeriod"] == {"month": 3, "year": 2026}
    assert invoice["invoiceType"] == "INVOICE"
    assert invoice["invoiceId"] == seller.world.money.disbursements[0].invoice_id


def test_invoices_of_another_agreement_are_not_listed(seller: Seller, agreement: Agreement) -> None:
    seller.world.aws.concurrent_agreements = True
    other = buyers.accept(seller.world, seller.create_offer(), BUYER)
    for each, amount in ((agreement, "70000.00"), (other, "120000.00")):
        (invoice,) = invoices(seller, each)
        assert invoice["pricingCurrencyAmount"]["amount"] == amount


def test_only_issued_invoices_are_listed(seller: Seller, agreement: Agreement) -> None:
    seller.clock.advance(days=100)
    assert len(invoices(seller, agreement)) == 1
    seller.clock.advance(days=100)
    amounts = [each["pricingCurrencyAmount"]["amount"] for each in invoices(seller, agreement)]
    assert amounts == ["70000.00", "50000.00"]


@pytest.mark.parametrize("status", ["CANCELLED", "TERMINATED"])
def test_the_end_of_an_agreement_drops_later_invoices(
    seller: Seller, agreement: Agreement, status: str
) -> None:
    invoices(seller, agreement)
    agreements.end(seller.world, agreement, status)
    seller.clock.advance(days=200)
    assert len(invoices(seller, agreement)) == 1


def test_filters_and_pages(seller: Seller, agreement: Agreement) -> None:
    seller.clock.advance(days=200)
    both = invoices(seller, agreement)
    between = datetime(2026, 6, 1, tzinfo=UTC)
    assert invoices(seller, agreement, beforeIssuedTime=between) == both[:1]
    assert invoices(seller, agreement, afterIssuedTime=between) == both[1:]
    assert invoices(seller, agreement, invoiceId=both[1]["invoiceId"]) == both[1:]
    assert invoices(seller, agreement, invoiceType="INVOICE") == both
    assert invoices(seller, agreement, invoiceType="CREDIT_MEMO") == []
    march = {"month": 3, "year": 2026}
    assert invoices(seller, agreement, invoiceBillingPeriod=march) == both[:1]
    pages = seller.agreements.get_paginator("list_agreement_invoice_line_items").paginate(
        agreementId=agreement.id, groupBy="INVOICE_ID", PaginationConfig={"PageSize": 1}
    )
    assert [page["agreementInvoiceLineItemGroupSummaries"][0] for page in pages] == both


def test_an_unknown_agreement(seller: Seller) -> None:
    with pytest.raises(ClientError) as refused:
        seller.agreements.list_agreement_invoice_line_items(
            agreementId="agmt-unknown", groupBy="INVOICE_ID"
        )
    assert status_and_code(refused.value) == (404, "ResourceNotFoundException")


def test_another_grouping(seller: Seller, agreement: Agreement) -> None:
    with pytest.raises(ClientError) as refused:
        seller.agreements.list_agreement_invoice_line_items(
            agreementId=agreement.id, groupBy="PRODUCT"
        )
    assert status_and_code(refused.value) == (400, "ValidationException")
