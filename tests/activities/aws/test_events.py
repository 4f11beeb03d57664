"""AWS's documented events, word for word (`events/`), and what they mean to offers."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.aws.events import (
    KINDS,
    AgreementChanged,
    CancellationChanged,
    ChangeSetEnded,
    InvalidEvent,
    OfferReleased,
    PayoutsPaused,
    read_event,
)

EVENTS = Path(__file__).with_name("events")
DOCUMENTED = {path.stem: path.read_text() for path in sorted(EVENTS.glob("*.json"))}
NOT_FOR_OFFERS = {
    *("offer-set-released", "products-security-report-created"),
    *("license-updated-manufacturer", "license-deprovisioned-manufacturer"),
    *("purchase-agreement-billing-adjustment-completed",),
    *("purchase-agreement-billing-adjustment-failed",),
    *("purchase-agreement-created-manufacturer", "purchase-agreement-amended-manufacturer"),
    *("purchase-agreement-ended-manufacturer",),
    *("purchase-agreement-advisory-issued-manufacturer",),
    *("purchase-agreement-advisory-resolved-manufacturer",),
}


def changed(name: str, **changes: Any) -> str:
    """A documented event with some fields of its detail replaced."""
    event = json.loads(DOCUMENTED[name])
    event["detail"] |= changes
    return json.dumps(event)


def test_every_documented_event_is_heard_or_passed_over() -> None:
    heard = {name for name, body in DOCUMENTED.items() if read_event(body)}
    assert set(DOCUMENTED) - heard == NOT_FOR_OFFERS
    spoken = [json.loads(DOCUMENTED[name]) for name in heard]
    assert {(event["source"], event["detail-type"]) for event in spoken} == set(KINDS)


@pytest.mark.parametrize("how", ["succeeded", "failed", "cancelled"])
def test_change_sets(how: str) -> None:
    heard = read_event(DOCUMENTED[f"change-set-{how}"])
    assert heard
    assert heard.at == datetime(2022, 11, 1, 13, 12, 22, tzinfo=UTC)
    assert isinstance(heard.detail, ChangeSetEnded)
    assert heard.detail.change_set_id == "76yesvf8y165pa4f98td2crtg"
    assert heard.detail.change_set_name == "Create my product"


def test_a_change_set_need_not_have_a_name() -> None:
    assert read_event(changed("change-set-succeeded", ChangeSetName=None))


@pytest.mark.parametrize("whose", ["", "-by-partner", "-product-used-by-partner"])
def test_offers(whose: str) -> None:
    heard = read_event(DOCUMENTED[f"offer-released{whose}"])
    assert heard
    assert isinstance(heard.detail, OfferReleased)
    assert (heard.detail.offer.id, heard.detail.offer.name) == (
        "offer-1234567890123",
        "Offer Name",
    )


AGREEMENT = "agmt-4mwg1nevbokzw95eca5797ixs"


@pytest.mark.parametrize(
    ("change", "agreement", "before", "status", "offer"),
    [
        ("created-proposer", AGREEMENT, None, "ACTIVE", "offer-1234567890123"),
        (
            "created-proposer-renewal",
            *("agmt-newrenewalagreementid", AGREEMENT, "ACTIVE", "offer-1234567890123"),
        ),
        ("amended-proposer", AGREEMENT, None, "ACTIVE", "offer-1234567890123"),
        ("ended-proposer", AGREEMENT, None, "CANCELLED", "offer-1234567890123"),
        ("ending-proposer", AGREEMENT, None, "ACTIVE", "offer-1234567890123"),
        ("renewal-terms-finalized-proposer", AGREEMENT, None, None, None),
        ("renewal-upcoming-proposer", AGREEMENT, None, None, None),
    ],
)
def test_agreements(
    change: str, agreement: str, before: str | None, status: str | None, offer: str | None
) -> None:
    heard = read_event(DOCUMENTED[f"purchase-agreement-{change}"])
    assert heard
    assert isinstance(heard.detail, AgreementChanged)
    told = heard.detail.agreement
    assert (told.id, told.previous_agreement_id, told.status) == (agreement, before, status)
    assert (heard.detail.offer.id if heard.detail.offer else None) == offer


def test_an_offer_sold_directly_has_no_resale_authorization() -> None:
    assert read_event(changed("purchase-agreement-created-proposer", resaleAuthorization=None))


@pytest.mark.parametrize(
    "status", ["pending-approval", "approved", "rejected", "cancelled", "validation-failed"]
)
def test_requests_to_cancel(status: str) -> None:
    heard = read_event(DOCUMENTED[f"agreement-cancellation-request-{status}"])
    assert heard
    assert isinstance(heard.detail, CancellationChanged)
    assert heard.detail.agreement.id == "agmt-abcdexampleid"
    assert heard.detail.agreement.offer_id == "offer-exampleid"
    assert heard.detail.agreement_cancellation_request.id == "acr-abcdexampleid"


def test_paused_payouts() -> None:
    heard = read_event(DOCUMENTED["disbursement-paused"])
    assert heard
    assert heard.detail == PayoutsPaused()
    assert heard.at == datetime(2022, 11, 1, 13, 12, 22, tzinfo=UTC)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_what_is_new_or_elsewhere_does_no_harm(name: str) -> None:
    event = json.loads(DOCUMENTED[name])
    assert read_event(json.dumps(event | {"detail-type": "Something New"})) is None
    assert read_event(json.dumps(event | {"source": "aws.elsewhere"})) is None
    more = event | {"replay-name": "again", "detail": event["detail"] | {"more": {"of": ["it"]}}}
    assert read_event(json.dumps(more)) == read_event(DOCUMENTED[name])


@pytest.mark.parametrize(
    "body",
    [
        *("", "accepted!", "null", "[]", "{}", '"{}"', "[" * 100_000),
        '{"source": "aws.elsewhere", "detail-type": "New", "time": "2026-03-02T09:00:00Z"}',
        changed("offer-released", offer={"name": "It's"}),
        changed("offer-released", offer={"id": "offer-1' OR OfferId != '"}),
        changed("change-set-failed", ChangeSetId=None),
        changed("purchase-agreement-created-proposer", agreement={}),
        changed("agreement-cancellation-request-approved", agreement=None),
        DOCUMENTED["disbursement-paused"].replace("2022-11-01T13:12:22Z", "2022-11-01T13:12:22"),
        DOCUMENTED["disbursement-paused"].replace("2022-11", "0001-01").replace("22Z", "22+14:00"),
    ],
)
def test_what_cannot_be_read_is_said_without_its_contents(body: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        read_event(body)
    assert "It's" not in str(refused.value)
    assert len(str(refused.value)) < 200


texts = st.text(max_size=20) | st.sampled_from([*map(" ".join, KINDS), "agreement", "offer", "id"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
jsons = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["agreement", "offer", "id", "name", "ChangeSetId"]) | texts,
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def read_or_refuse(body: str) -> None:
    with suppress(InvalidEvent):
        read_event(body)


@given(jsons)
def test_any_json_is_read_or_refused(anything: Any) -> None:
    read_or_refuse(json.dumps(anything))


@given(st.sampled_from(sorted(KINDS)), jsons, jsons, st.dictionaries(texts, jsons, max_size=3))
def test_any_event_of_a_known_kind_is_read_or_refused(
    kind: tuple[str, str], time: Any, detail: Any, more: dict[str, Any]
) -> None:
    source, detail_type = kind
    event = {**more, "source": source, "detail-type": detail_type, "time": time, "detail": detail}
    read_or_refuse(json.dumps(event))
    read_or_refuse(json.dumps(event | {"time": "2026-03-02T09:00:00Z"}))


@given(st.sampled_from(sorted(DOCUMENTED)), st.sampled_from(["agreement", "offer"]), jsons)
def test_a_documented_event_with_anything_in_it_is_read_or_refused(
    name: str, field: str, anything: Any
) -> None:
    read_or_refuse(changed(name, **{field: anything}))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refuse(text)
