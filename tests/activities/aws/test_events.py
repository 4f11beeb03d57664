"""AWS's documented events, copied word for word (`events/`), and how they are read."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
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
DOCUMENTED = {path.stem: path.read_text(encoding="utf-8") for path in sorted(EVENTS.glob("*.json"))}
IGNORED = {
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


def test_every_documented_event_is_read_or_ignored() -> None:
    names = {name for name, body in DOCUMENTED.items() if read_event(body)}
    assert set(DOCUMENTED) - names == IGNORED
    read = [json.loads(DOCUMENTED[name]) for name in names]
    assert {(event["source"], event["detail-type"]) for event in read} == set(KINDS)


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_change_set_events(status: str) -> None:
    event = read_event(DOCUMENTED[f"change-set-{status}"])
    assert event
    assert event.at == datetime(2022, 11, 1, 13, 12, 22, tzinfo=UTC)
    assert isinstance(event.detail, ChangeSetEnded)
    assert event.detail.change_set_id == "76yesvf8y165pa4f98td2crtg"
    assert event.detail.change_set_name == "Create my product"


def test_change_set_event_without_a_name() -> None:
    assert read_event(changed("change-set-succeeded", ChangeSetName=None))


@pytest.mark.parametrize("suffix", ["", "-by-partner", "-product-used-by-partner"])
def test_offer_events(suffix: str) -> None:
    event = read_event(DOCUMENTED[f"offer-released{suffix}"])
    assert event
    assert isinstance(event.detail, OfferReleased)
    assert (event.detail.offer.id, event.detail.offer.name) == (
        "offer-1234567890123",
        "Offer Name",
    )


AGREEMENT = "agmt-4mwg1nevbokzw95eca5797ixs"


@pytest.mark.parametrize(
    ("change", "agreement", "before", "offer"),
    [
        ("created-proposer", AGREEMENT, None, "offer-1234567890123"),
        (
            "created-proposer-renewal",
            *("agmt-newrenewalagreementid", AGREEMENT, "offer-1234567890123"),
        ),
        ("amended-proposer", AGREEMENT, None, "offer-1234567890123"),
        ("ended-proposer", AGREEMENT, None, "offer-1234567890123"),
        ("ending-proposer", AGREEMENT, None, "offer-1234567890123"),
        ("renewal-terms-finalized-proposer", AGREEMENT, None, None),
        ("renewal-upcoming-proposer", AGREEMENT, None, None),
    ],
)
def test_agreement_events(
    change: str, agreement: str, before: str | None, offer: str | None
) -> None:
    event = read_event(DOCUMENTED[f"purchase-agreement-{change}"])
    assert event
    assert isinstance(event.detail, AgreementChanged)
    read = event.detail.agreement
    assert (read.id, read.previous_agreement_id) == (agreement, before)
    assert (event.detail.offer.id if event.detail.offer else None) == offer


def test_agreement_event_without_a_resale_authorization() -> None:
    assert read_event(changed("purchase-agreement-created-proposer", resaleAuthorization=None))


@pytest.mark.parametrize(
    "status", ["pending-approval", "approved", "rejected", "cancelled", "validation-failed"]
)
def test_cancellation_request_events(status: str) -> None:
    event = read_event(DOCUMENTED[f"agreement-cancellation-request-{status}"])
    assert event
    assert isinstance(event.detail, CancellationChanged)
    assert event.detail.agreement.id == "agmt-abcdexampleid"
    assert event.detail.agreement.offer_id == "offer-exampleid"
    assert event.detail.agreement_cancellation_request.id == "acr-abcdexampleid"


def test_paused_payouts_event() -> None:
    event = read_event(DOCUMENTED["disbursement-paused"])
    assert event
    assert event.detail == PayoutsPaused()
    assert event.at == datetime(2022, 11, 1, 13, 12, 22, tzinfo=UTC)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_unknown_types_sources_and_fields_are_ignored(name: str) -> None:
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
def test_invalid_event_error_has_no_content(body: str) -> None:
    with pytest.raises(InvalidEvent) as invalid:
        read_event(body)
    assert "It's" not in str(invalid.value)
    assert len(str(invalid.value)) < 200


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


def read_or_reject(body: str) -> None:
    with suppress(InvalidEvent):
        read_event(body)


@given(jsons)
@settings(max_examples=60)
def test_any_json_is_read_or_invalid(anything: Any) -> None:
    read_or_reject(json.dumps(anything))


@given(st.sampled_from(sorted(KINDS)), jsons, jsons, st.dictionaries(texts, jsons, max_size=3))
def test_any_event_of_a_known_type_is_read_or_invalid(
    kind: tuple[str, str], time: Any, detail: Any, more: dict[str, Any]
) -> None:
    source, detail_type = kind
    event = {**more, "source": source, "detail-type": detail_type, "time": time, "detail": detail}
    read_or_reject(json.dumps(event))
    read_or_reject(json.dumps(event | {"time": "2026-03-02T09:00:00Z"}))


@given(st.sampled_from(sorted(DOCUMENTED)), st.sampled_from(["agreement", "offer"]), jsons)
@settings(max_examples=60)
def test_any_changed_documented_event_is_read_or_invalid(
    name: str, field: str, anything: Any
) -> None:
    read_or_reject(changed(name, **{field: anything}))


@given(st.text())
def test_any_text_is_read_or_invalid(text: str) -> None:
    read_or_reject(text)
