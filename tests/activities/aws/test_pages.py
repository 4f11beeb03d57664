"""What is looked up is found on a later page: AWS's pages can be short, or have nothing."""

from typing import Any

import pytest

from activities.aws import marketplace_lookup
from activities.aws.agreements import RequestCancellation
from sandbox.aws import agreement_api, protocol
from sandbox.aws.catalog import catalog_api
from sandbox.marketplace.agreements import renew
from tests.support.aws import REQUEST, Aws
from tests.support.builders import BUYER, CANCELLATION_REQUEST, TODAY


@pytest.fixture(autouse=True)
def _first_page_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(items: list[Any], size: int, token: str | None) -> tuple[list[Any], str | None]:
        return ([], "0") if token is None else protocol.page(items, size, token)

    for api in (agreement_api, catalog_api):
        monkeypatch.setattr(api, "page", page)
    monkeypatch.setattr(marketplace_lookup, "PAUSE_SECONDS", 0)


def test_change_set_of_a_submission(aws: Aws) -> None:
    first = aws.run(aws.activities.submit_offer, REQUEST)
    assert aws.run(aws.activities.submit_offer, REQUEST) == first
    assert aws.sandbox.world.calls["catalog", "StartChangeSet"] == 1


def test_agreement_of_an_offer(aws: Aws) -> None:
    agreement = aws.accept_offer()
    found = aws.run(aws.agreements.find_agreement, agreement.offer_id)
    assert found.agreement_id == agreement.id


def test_successor_of_an_agreement(aws: Aws) -> None:
    agreement = aws.accept_offer()
    before = aws.lookup.agreement_snapshot(agreement.id).agreement
    aws.advance(days=300)
    renewed = renew(aws.sandbox.world, agreement)
    assert aws.run(aws.agreements.find_successor, before).agreement_id == renewed.id


def test_open_cancellation_request(aws: Aws) -> None:
    request = RequestCancellation(
        agreement_id=aws.accept_offer().id, number=1, request=CANCELLATION_REQUEST
    )
    first = aws.run(aws.agreements.request_cancellation, request)
    again = request.model_copy(update={"number": 2})
    assert aws.run(aws.agreements.request_cancellation, again) == first


def test_agreements_and_open_offers_of_a_buyer(aws: Aws) -> None:
    agreement = aws.accept_offer()
    offer_id = aws.release_offer()
    held, offers = aws.lookup.of_buyers(agreement.product_id, [BUYER], TODAY)
    assert [each.agreement_id for each in held] == [agreement.id]
    assert [each.offer_id for each in offers] == [offer_id]


def test_invoices_of_an_agreement(aws: Aws) -> None:
    agreement = aws.accept_offer()
    assert aws.lookup.agreement_snapshot(agreement.id).invoiced == 120000
