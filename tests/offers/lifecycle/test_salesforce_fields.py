"""Which fields of an opportunity say where its offer and its amendments are."""

from typing import Any

import pytest

from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.record import Amendment, OfferRecord
from offers.lifecycle.salesforce_fields import opportunity_update
from offers.stage import Stage
from tests.support.agreements import accepted_offer, agreement
from tests.support.builders import NOW, terms

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
