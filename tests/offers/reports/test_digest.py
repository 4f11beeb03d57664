"""The items of an owner's digest: each change once, and only current facts."""

from datetime import UTC, date, datetime, timedelta

import pytest

from activities.email.digest import compose_digest
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.record import OfferRecord, StageEntry
from offers.lifecycle.summary import OfferSummary
from offers.reports.digest import (
    NAMED_LIMIT,
    DigestItem,
    DigestTopic,
    digest,
    digest_items,
)
from offers.stage import Stage
from offers.terms.contacts import Owner
from tests.support.builders import terms

NOW = datetime(2026, 3, 30, 7, tzinfo=UTC)
SINCE = NOW - timedelta(days=3)
WEEK = timedelta(days=7)
OWNER = Owner(owner_email="owner@example.com", owner_name="Example Owner")


def offer(*stages: Stage, **fields: object) -> OfferRecord:
    """An offer that entered these stages one minute after another, the last an hour ago."""
    began = NOW - timedelta(hours=1, minutes=len(stages) - 1)
    return OfferRecord.model_validate(
        {
            "opportunity_id": "0065g00000AbCdEAAV",
            "company": "Example Corp",
            "terms": terms(availability_end="2026-04-01"),
            "stage": stages[-1],
            "history": [
                StageEntry(stage=stage, at=began + timedelta(minutes=n))
                for n, stage in enumerate(stages)
            ],
        }
        | fields
    )


def topics_of(
    record: OfferRecord, since: datetime = SINCE, ahead: timedelta = WEEK
) -> list[DigestTopic]:
    return [item.topic for item in digest_items(OfferSummary.of(record), since, NOW, ahead)]


@pytest.mark.parametrize(
    ("stages", "topics"),
    [
        ([Stage.DRAFT], []),
        ([Stage.GENERATING], []),
        ([Stage.SHARED], [DigestTopic.EXPIRES]),
        ([Stage.SHARED, Stage.ACCEPTED], [DigestTopic.ACCEPTED]),
        ([Stage.ACCEPTED, Stage.DISBURSED], [DigestTopic.ACCEPTED, DigestTopic.PAID]),
        ([Stage.ACCEPTED, Stage.SHARED], [DigestTopic.EXPIRES]),
        ([Stage.SHARED, Stage.EXPIRED], [DigestTopic.ENDED]),
        ([Stage.EXPIRED, Stage.ACCEPTED], [DigestTopic.ACCEPTED]),
        ([Stage.DISBURSED, Stage.ACCEPTED], []),
        ([Stage.REPLACED, Stage.ACCEPTED], []),
        ([Stage.TERMINATED], [DigestTopic.ENDED]),
        ([Stage.CANCELLED], []),
    ],
)
def test_topics_by_stages(stages: list[Stage], topics: list[DigestTopic]) -> None:
    assert topics_of(offer(*stages)) == topics


def test_change_is_reported_once() -> None:
    record = offer(Stage.ACCEPTED)
    happened = record.stage_since
    assert topics_of(record, since=happened) == []
    assert topics_of(record, since=happened - timedelta(seconds=1)) == [DigestTopic.ACCEPTED]
    settled = NOW - timedelta(minutes=5)

    def at(instant: datetime) -> OfferRecord:
        last = record.history[-1].model_copy(update={"at": instant})
        return record.model_copy(update={"history": (*record.history[:-1], last)})

    assert topics_of(at(settled)) == [DigestTopic.ACCEPTED]
    record = at(settled + timedelta(seconds=1))
    assert topics_of(record) == [], "a change that search may not show yet is reported"
    later = NOW + timedelta(days=1)
    offer_then = OfferSummary.of(record)
    assert digest_items(offer_then, settled, later, WEEK), "it is not reported the next time"


def test_distant_or_past_expiry_is_not_reported() -> None:
    record = offer(Stage.SHARED)
    assert topics_of(record, ahead=timedelta(days=2)) == []
    assert topics_of(offer(Stage.SHARED, terms=terms(availability_end="2026-03-29"))) == []


def test_content_of_the_digest_mail() -> None:
    waits = Attention(
        code=AttentionCode.CREDENTIALS_REJECTED,
        problem="Clazar rejects the credentials",
        remedy="Renew them",
        since=SINCE,
    )
    records = [
        offer(Stage.SHARED),
        offer(Stage.DRAFT, attentions=[waits], amendment=2),
        offer(Stage.ACCEPTED),
        offer(Stage.EXPIRED),
    ]
    found = [
        item
        for record in records
        for item in digest_items(OfferSummary.of(record), SINCE, NOW, WEEK)
    ]
    mail = compose_digest(digest(OWNER, date(2026, 3, 30), reversed(found)))
    assert mail.subject == (
        "Your private offers: 1 expires soon, 1 needs action, 1 accepted, 1 ended"
    )
    assert mail.greeting == "Hello Example Owner,"
    assert mail.paragraphs == (
        "Expires soon:",
        "- Example Corp: not accepted yet; the last day is Wednesday 1 April 2026 (UTC), in 2 days."
        " Ask the buyer, or extend the offer.",
        "offerflow extend 0065g00000AbCdEAAV --until YYYY-MM-DD",
        "Action required:",
        "- Example Corp: Clazar rejects the credentials. Renew them.",
        "offerflow show 0065g00000AbCdEAAV/amendment/2",
        "Accepted:",
        "- Example Corp: USD 120,000.00, accepted on Monday 30 March 2026 (UTC).",
        "offerflow show 0065g00000AbCdEAAV",
        "Ended:",
        "- Example Corp: not accepted; expired on Monday 30 March 2026 (UTC).",
        "offerflow show 0065g00000AbCdEAAV",
    )


@pytest.mark.parametrize("more", [0, 1, 3])
def test_twenty_offers_of_a_topic_are_named(more: int) -> None:
    topics = (DigestTopic.ACCEPTED, DigestTopic.ENDED)
    many = [
        DigestItem(topic=topic, path=f"006{n:02}", company="x", stage=Stage.EXPIRED, at=NOW)
        for topic in topics
        for n in range(20 + more)
    ]
    paths = [f"007{n:02}" for n in reversed(range(20 + more))]
    sheet = digest(OWNER, date(2026, 3, 30), many, paths)
    named = [f"006{n:02}" for n in range(20)]
    assert [each.path for each in sheet.items] == [*named, *named]
    assert sheet.unnamed == (dict.fromkeys(topics, more) if more else {})
    assert sheet.unreadable == tuple(f"007{n:02}" for n in range(20))
    assert sheet.more_unreadable == more
    mail = compose_digest(sheet)
    assert mail.subject.endswith(f" {20 + more} cannot be read")
    assert mail.paragraphs.count(f"- and {more} more:") == (3 if more else 0)
    assert "offerflow show 00719" in mail.paragraphs


def test_long_digest_names_the_most_urgent_items() -> None:
    many = [
        DigestItem(
            topic=DigestTopic.EXPIRES,
            path=f"006{n}",
            company="Example Corp",
            stage=Stage.SHARED,
            at=NOW + timedelta(hours=n),
        )
        for n in reversed(range(NAMED_LIMIT + 5))
    ]
    sheet = digest(OWNER, date(2026, 3, 30), many)
    assert [item.path for item in sheet.items] == [f"006{n}" for n in range(NAMED_LIMIT)]
    mail = compose_digest(sheet)
    assert mail.subject == f"Your private offers: {NAMED_LIMIT + 5} expire soon"
    assert mail.paragraphs[-2:] == ("- and 5 more:", "offerflow list")
