"""Which agreements end soon, and their renewals."""

from datetime import datetime, timedelta

from offers.agreements.renewal import RenewalOffer
from offers.lifecycle.record import OfferRecord, StageEntry
from offers.lifecycle.summary import OfferSummary
from offers.reports.renewals import ending_agreements, renewals_by_agreement
from offers.stage import Stage
from offers.terms.contacts import Owner
from tests.support.agreements import agreement
from tests.support.builders import NOW, terms

WITHIN = timedelta(days=90)


def summary(
    path: str, ends_at: datetime | None, stage: Stage = Stage.ACCEPTED, first: str | None = None
) -> OfferSummary:
    record = OfferRecord(
        opportunity_id=path,
        company="Example Corp",
        owner=Owner(owner_email="owner@example.com"),
        terms=terms(),
        stage=stage,
        agreement=agreement(
            agreement_id=f"agmt-{path}", ends_at=ends_at, initial_agreement_id=first
        ),
        history=(StageEntry(stage=stage, at=NOW),),
    )
    return OfferSummary.from_memo(OfferSummary.of(record).memo())


def test_those_in_force_that_end_in_time_the_first_first() -> None:
    late, soon = NOW + WITHIN, NOW + timedelta(days=1)
    found = ending_agreements(
        [
            summary("late", late),
            summary("soon", soon, Stage.DISBURSED),
            summary("later", late + timedelta(seconds=1)),
            summary("over", NOW),
            summary("endless", None),
            summary("replaced", soon, Stage.REPLACED),
            summary("terminated", soon, Stage.TERMINATED),
        ],
        {},
        NOW,
        WITHIN,
    )
    assert [(each.path, each.ends_at, each.renewal) for each in found] == [
        ("soon", soon, None),
        ("late", late, None),
    ]
    (first, _) = found
    assert (first.company, str(first.price)) == ("Example Corp", "USD 120,000.00")
    assert (first.owner_email, first.agreement_id) == ("owner@example.com", "agmt-soon")


def test_renewal_is_found_by_the_first_agreement_of_the_chain() -> None:
    shared = RenewalOffer(path="next", stage=Stage.SHARED)
    cancelled = RenewalOffer(path="before", stage=Stage.CANCELLED)
    renewals = renewals_by_agreement(
        [("agmt-first", shared), ("agmt-first", cancelled), ("agmt-other", cancelled)]
    )
    soon = NOW + timedelta(days=1)
    offers = [summary("amended", soon, first="agmt-first"), summary("other", soon)]
    found = ending_agreements(offers, renewals, NOW, WITHIN)
    assert {each.path: each.renewal for each in found} == {"amended": shared, "other": cancelled}
