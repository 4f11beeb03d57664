"""The activities on AWS Marketplace, with real boto3 clients against the sandbox."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest
from temporalio.exceptions import ApplicationError

from activities.aws.agreements import FeedPosition
from activities.aws.catalog import AwsCatalog, SubmitOffer, WaitForChangeSet, WithdrawOffer
from activities.errors import Failure
from activities.eula.links import EulaLinks, PublishedEula
from offers.clock import Clock
from offers.lifecycle.read_back import differences
from offers.policy.policy import PublicationPolling
from runtime.clients import aws_client
from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.marketplace.agreements import roll_back
from sandbox.marketplace.buyers import accept
from tests.support.aws import REQUEST, Aws
from tests.support.builders import BUYER, terms
from tests.support.eula_documents import BUCKET, pdf, s3_client
from tests.support.workflow_harness import OPPORTUNITY

SECOND = SubmitOffer(reference=f"offer-{OPPORTUNITY}-rev2", terms=terms())


def test_submit_is_idempotent(aws: Aws) -> None:
    first = aws.run(aws.activities.submit_offer, REQUEST)
    assert aws.run(aws.activities.submit_offer, REQUEST) == first
    assert len(aws.sandbox.world.aws.change_sets) == 1
    assert aws.sandbox.world.calls["catalog", "StartChangeSet"] == 1, (
        "the change set was not looked up first"
    )


def test_client_token_prevents_a_duplicate_if_the_list_is_late(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = aws.run(aws.activities.submit_offer, REQUEST)
    catalog = aws.activities._catalog
    monkeypatch.setattr(catalog, "list_change_sets", lambda **_: {"ChangeSetSummaryList": []})
    assert aws.run(aws.activities.submit_offer, REQUEST) == first
    assert len(aws.sandbox.world.aws.change_sets) == 1
    assert aws.sandbox.world.calls["catalog", "StartChangeSet"] == 2


def submitted_again(aws: Aws, minutes: float = 24 * 60) -> str:
    """The same reference later, by a run that knows nothing of the first one."""
    aws.advance(minutes=minutes)
    change_set = aws.run(aws.activities.submit_offer, REQUEST)
    assert aws.run(aws.activities.submit_offer, REQUEST) == change_set
    assert isinstance(change_set, str)
    return change_set


def test_offer_that_can_still_be_accepted_is_found_again(aws: Aws) -> None:
    first = aws.run(aws.activities.submit_offer, REQUEST)
    assert submitted_again(aws, minutes=5) == first, "AWS is still creating it"
    assert submitted_again(aws) == first


def test_accepted_offer_is_found_again_while_its_agreement_is_active(aws: Aws) -> None:
    first = aws.run(aws.activities.submit_offer, REQUEST)
    agreement = accept(aws.sandbox.world, aws.published_offer(first).offer_id, BUYER)
    aws.advance(days=40)
    assert submitted_again(aws) == first, "the offer itself is void by now"
    agreement.status = "TERMINATED"
    assert submitted_again(aws) != first


def test_withdrawn_offer_of_an_earlier_run_is_created_again(aws: Aws) -> None:
    first = aws.run(aws.activities.submit_offer, REQUEST)
    offer_id = aws.published_offer(first).offer_id
    last_day = aws.now[0].date() - timedelta(days=1)
    withdrawal = WithdrawOffer(offer_id=offer_id, number=1, last_day=last_day)
    aws.outcome(aws.run(aws.activities.withdraw_offer, withdrawal))
    second = submitted_again(aws)
    assert aws.published_offer(second).offer_id != offer_id
    assert submitted_again(aws) == second


def test_failed_change_set_of_an_earlier_run_is_not_its_own(aws: Aws) -> None:
    aws.advance(seconds=0.9)  # AWS shows whole seconds
    first = aws.run(aws.activities.submit_offer, REQUEST)
    assert aws.run(aws.activities.cancel_change_set, first)
    assert submitted_again(aws, minutes=0) == first, "the answer to its own request was lost"
    assert submitted_again(aws) != first


@pytest.mark.parametrize("kind", ["malformed", "html", "truncated", "oversized"])
def test_answer_that_is_not_from_aws(aws: Aws, kind: str) -> None:
    """botocore reads each as an empty answer: the change set would count as cancelled."""
    change_set = aws.run(aws.activities.submit_offer, REQUEST)
    aws.sandbox.world.faults.catalog.add(kind, "CancelChangeSet", size=1000)
    with pytest.raises(ApplicationError) as raised:
        aws.run(aws.activities.cancel_change_set, change_set)
    assert raised.value.type == Failure.UNAVAILABLE
    assert aws.run(aws.activities.cancel_change_set, change_set) is True


def test_another_revision_is_another_change_set(aws: Aws) -> None:
    first = aws.run(aws.activities.submit_offer, REQUEST)
    assert aws.run(aws.activities.submit_offer, SECOND) != first


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"price": {"amount": "99999.99", "currency": "EUR"}},
        {"price": {"amount": "15000000", "currency": "JPY"}},
        {"duration_months": 36},
        {"eula": "https://example.com/eula.pdf"},
        {"buyer_accounts": "000000000012"},
        {"buyer_accounts": "000000000012, 111122223333"},
        {"net_payment_days": 30},
        {"renewal": "External"},
        {"starts_on": "2026-05-01"},
        {"dimensions": "platform x 3"},
        {"dimensions": "platform; seats x 100", "starts_on": "2026-05-01"},
        {"payment_schedule": "2026-03-02 60000\n2026-09-02 60000"},
        {
            "payment_schedule": "2026-03-02 5000000\n2026-09-02 10000000",
            "price": {"amount": "15000000", "currency": "JPY"},
            "net_payment_days": 60,
        },
    ],
)
def test_published_offer_has_the_submitted_terms(aws: Aws, changes: dict[str, Any]) -> None:
    submitted = terms(**changes)
    eula = PublishedEula(key="eula/merged.pdf", signed_at=aws.now[0])
    request = REQUEST.model_copy(update={"terms": submitted, "eula": eula})
    aws.sandbox.world.aws.dimensions = ("platform", "seats")
    change_set_id = aws.run(aws.activities.submit_offer, request)
    aws.advance(minutes=50)
    follow = WaitForChangeSet(change_set_id=change_set_id, polling=PublicationPolling())
    outcome = aws.run(aws.activities.wait_for_change_set, follow)
    assert differences(submitted, outcome.offer) == ()
    assert outcome.offer_url == f"https://example.com/prod-examplesaas01/{outcome.offer.offer_id}"


def test_contract_link_is_signed_at_each_submission_and_is_the_same(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS refuses another body with the same token."""
    submitted = terms(eula="https://example.com/eula.pdf")
    aws.sandbox.world.aws.storage.put(BUCKET, "eula/merged.pdf", pdf(100))
    request = SubmitOffer(
        reference=REQUEST.reference,
        terms=submitted,
        eula=PublishedEula(key="eula/merged.pdf", signed_at=datetime.now(UTC) - timedelta(days=1)),
    )
    assert "X-Amz" not in request.model_dump_json()
    catalog = aws_client("marketplace-catalog")
    monkeypatch.setattr(catalog, "get_paginator", lambda _: _NothingListed())
    signing = boto3.Session(aws_access_key_id="example", aws_secret_access_key="example")
    started = {
        aws.run(
            AwsCatalog(
                catalog,
                None,
                Clock(),
                "https://example.com/{offer_id}",
                EulaLinks(s3_client(aws.sandbox), BUCKET, signing.get_credentials),
            ).submit_offer,
            request,
        )
        for _ in range(2)
    }
    assert len(started) == 1
    assert differences(submitted, aws.published_offer(*started)) == ()


class _NothingListed:
    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"ChangeSetSummaryList": []}]


def test_custom_contract_needs_the_bucket_on_each_worker(aws: Aws) -> None:
    eula = PublishedEula(key="eula/merged.pdf", signed_at=datetime.now(UTC))
    without = AwsCatalog(aws.activities._catalog, None, Clock(), "https://example.com/{offer_id}")
    with pytest.raises(ApplicationError, match="OFFERS_EULA_BUCKET is not set") as raised:
        aws.run(without.submit_offer, REQUEST.model_copy(update={"eula": eula}))
    assert raised.value.type == Failure.NOT_FOUND


def test_link_in_a_refusal_of_aws_loses_its_signature(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_set_id = aws.run(aws.activities.submit_offer, REQUEST)
    message = "The document https://s3.example/a.pdf?X-Amz-Signature=secret&b=c isn't readable."
    refused = {
        "Status": "FAILED",
        "FailureDescription": message,
        "ChangeSet": [
            {"ErrorDetailList": [{"ErrorCode": "INVALID_LEGAL_DOCUMENTS", "ErrorMessage": message}]}
        ],
    }
    catalog = aws.activities._catalog
    for described in refused, refused | {"ChangeSet": []}:
        monkeypatch.setattr(catalog, "describe_change_set", lambda _=described, **__: _)
        follow = WaitForChangeSet(change_set_id=change_set_id, polling=PublicationPolling())
        (error,) = aws.run(aws.activities.wait_for_change_set, follow).errors
        assert error.message == "The document https://s3.example/a.pdf isn't readable."


@pytest.mark.parametrize(
    ("minutes", "wait"), [(0, 10), (4, 6), (9.5, 36.5), (12, 34), (31, 15), (44, 2)]
)
def test_pending_change_set_names_the_next_poll(aws: Aws, minutes: float, wait: float) -> None:
    change_set_id = aws.run(aws.activities.submit_offer, REQUEST)
    aws.advance(minutes=minutes)
    with pytest.raises(ApplicationError) as not_ready:
        aws.run(
            aws.activities.wait_for_change_set,
            WaitForChangeSet(change_set_id=change_set_id, polling=PublicationPolling()),
        )
    assert not_ready.value.type == Failure.NOT_READY
    assert not_ready.value.next_retry_delay == timedelta(minutes=wait)


def test_change_set_can_be_cancelled_only_while_preparing(aws: Aws) -> None:
    change_set_id = aws.run(aws.activities.submit_offer, REQUEST)
    aws.advance(minutes=10)
    assert aws.run(aws.activities.cancel_change_set, change_set_id) is False
    second = aws.run(aws.activities.submit_offer, SECOND)
    assert aws.run(aws.activities.cancel_change_set, second) is True
    assert aws.run(aws.activities.cancel_change_set, second) is False


def test_withdrawn_offer_is_void(aws: Aws) -> None:
    offer_id = aws.release_offer()
    withdraw = WithdrawOffer(offer_id=offer_id, number=1, last_day=date(2026, 3, 1))
    change_set_id = aws.run(aws.activities.withdraw_offer, withdraw)
    assert aws.run(aws.activities.withdraw_offer, withdraw) == change_set_id
    aws.advance(minutes=5)
    follow = WaitForChangeSet(change_set_id=change_set_id, polling=PublicationPolling())
    outcome = aws.run(aws.activities.wait_for_change_set, follow)
    assert outcome.offer.is_void(date(2026, 3, 2))
    assert not aws.sandbox.world.aws.acceptable(aws.sandbox.world.aws.offers[offer_id])


def test_locked_offer_is_retried(aws: Aws) -> None:
    offer_id = aws.release_offer()
    for number in (1, 2):
        withdraw = WithdrawOffer(offer_id=offer_id, number=number, last_day=date(2026, 2, 1))
        if number == 1:
            aws.run(aws.activities.withdraw_offer, withdraw)
        else:
            with pytest.raises(ApplicationError, match="has locked the offer") as locked:
                aws.run(aws.activities.withdraw_offer, withdraw)
            assert locked.value.type == Failure.NOT_READY


def test_agreement_is_found_by_its_offer(aws: Aws) -> None:
    offer_id = aws.release_offer()
    assert aws.run(aws.agreements.find_agreement, offer_id) is None
    agreement = accept(aws.sandbox.world, offer_id, BUYER)
    found = aws.run(aws.agreements.find_agreement, offer_id)
    assert found.agreement_id == agreement.id
    assert found.accepted_at == agreement.accepted_at.replace(
        microsecond=found.accepted_at.microsecond
    )
    assert str(found.value) == "USD 120,000.00"
    roll_back(aws.sandbox.world, agreement)
    rolled_back = aws.run(aws.agreements.find_agreement, offer_id)
    assert not rolled_back.is_acceptance, "a rolled back agreement is an acceptance"
    again = accept(aws.sandbox.world, offer_id, BUYER)
    assert aws.run(aws.agreements.find_agreement, offer_id).agreement_id == again.id


def test_feed_is_read_from_a_position_to_its_end(aws: Aws) -> None:
    offer_id = aws.release_offer()
    first = accept(aws.sandbox.world, offer_id, BUYER)
    for number in range(120):
        agreement: Agreement = replace(
            first,
            id=f"agmt-{number:025}",
            last_update=first.accepted_at + timedelta(minutes=number),
        )
        aws.sandbox.world.aws.agreements[agreement.id] = agreement
    aws.advance(hours=3)
    start = FeedPosition(since=first.accepted_at - timedelta(seconds=1))
    assert len(aws.run(aws.agreements.read_agreement_feed, start).reports) == 121
    assert aws.run(aws.agreements.read_agreement_feed, start).is_complete
    middle = FeedPosition(since=first.accepted_at + timedelta(minutes=99, seconds=30))
    late = aws.run(aws.agreements.read_agreement_feed, middle).reports
    assert [report.agreement_id for report in late] == [f"agmt-{n:025}" for n in range(100, 120)]


UPFRONT = "ConfigurableUpfrontPricingTerm"


def add_term(term: dict[str, Any]) -> Callable[[Offer], None]:
    return lambda offer: offer.terms.append(term)


def change_rate_card(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[Offer], None]:
    def in_offer(offer: Offer) -> None:
        (term,) = [each for each in offer.terms if each["Type"] == UPFRONT]
        term = deepcopy(term)
        change(term["RateCards"])
        offer.terms = [term if each["Type"] == UPFRONT else each for each in offer.terms]

    return in_offer


def allow_choice(cards: list[dict[str, Any]]) -> None:
    cards[0]["Constraints"]["QuantityConfiguration"] = "Allowed"


def by_country(offer: Offer) -> None:
    offer.country_codes = ["US"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (add_term({"Type": "UsageBasedPricingTerm", "RateCards": []}), "UsageBasedPricingTerm"),
        (add_term({"Type": "RenewalTerm"}), "RenewalTerm"),
        (change_rate_card(lambda cards: cards.append(cards[0])), "2 rate cards"),
        (change_rate_card(allow_choice), "a free choice"),
        (by_country, "buyers by country"),
    ],
)
def test_offer_with_more_than_was_asked_is_not_as_asked(
    aws: Aws, more: Callable[[Offer], None], said: str
) -> None:
    offer_id = aws.release_offer()
    assert differences(terms(), aws.run(aws.activities.read_offer, offer_id)) == ()
    more(aws.sandbox.world.aws.offers[offer_id])
    (finding,) = differences(terms(), aws.run(aws.activities.read_offer, offer_id))
    assert finding.field == "terms"
    assert said in str(finding.seen)


@pytest.mark.parametrize(("price", "extra"), [("0.0", False), ("0.01", True), ("500", True)])
def test_price_beside_the_instalments_is_not_as_asked(aws: Aws, price: str, extra: bool) -> None:
    asked: dict[str, Any] = {"payment_schedule": "2026-03-02 60000; 2026-09-02 60000"}
    offer_id = aws.release_offer(**asked)
    offer = aws.sandbox.world.aws.offers[offer_id]
    fixed = "FixedUpfrontPricingTerm"
    offer.terms = [
        each | {"Price": price} if each["Type"] == fixed else each for each in offer.terms
    ]
    found = differences(terms(**asked), aws.run(aws.activities.read_offer, offer_id))
    assert [(each.field, each.seen) for each in found] == (
        [("terms", "a price beside the instalments")] if extra else []
    )
