"""The activities on Clazar's offers, with the real client against the sandbox."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from activities.clazar.client import ClazarClient
from activities.clazar.offers import Clazar, ClazarPosition, FindOffers
from offers.preflight.marketplace import ObservedOffer
from sandbox.clazar.clazar_state import ClazarLinks
from sandbox.clazar.private_offers import clazar_id
from sandbox.server import Sandbox
from tests.support.clazar import LINK, put_offer
from tests.support.vendors import NOW, OFFER, run_activity
from tests.support.workflow_harness import OPPORTUNITY

ROW = {
    "id": "7f1f7e4e-0000-4000-8000-000000000001",
    "cloud_id": OFFER,
    "name": "Example",
    "last_modified_at": "2026-03-02T08:00:00.000000Z",
    "external_object_associations": {},
}


def rows_of(*rows: Any) -> Callable[..., Awaitable[Any]]:
    """A request that is answered with one page of these rows."""

    async def request(*_: Any, **__: Any) -> Any:
        return {"count": len(rows), "next": None, "results": list(rows)}

    return request


ASSOCIATION = {"salesforce": {"object_type": "Opportunity", "object_id": OPPORTUNITY}}


async def test_link_is_written_once_and_keeps_other_links(sandbox: Sandbox, clazar: Clazar) -> None:
    put_offer(sandbox)
    sandbox.world.clazar.links[OFFER] = ClazarLinks(
        external_object_associations={"hubspot": {"id": "7"}}
    )
    await run_activity(clazar.link_offer, LINK)
    await run_activity(clazar.link_offer, LINK)
    links = sandbox.world.clazar.links[OFFER].external_object_associations
    assert links == {"hubspot": {"id": "7"}} | ASSOCIATION
    assert sandbox.world.calls["clazar", "PatchPrivateOffer"] == 1


async def test_link_offers_stops_at_the_first_failure(
    sandbox: Sandbox, clazar: Clazar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other offers link themselves: a failure must not delay the reading."""
    links = []
    for number in range(3):
        offer = put_offer(sandbox, f"offer-{number:013}")
        links.append(LINK.model_copy(update={"clazar_id": clazar_id(offer.id)}))
    await run_activity(clazar.link_offer, links[0])
    sandbox.world.faults.clazar.answer(500, "PatchPrivateOffer")
    assert await run_activity(clazar.link_offers, links) == [links[0].clazar_id]
    assert sandbox.world.calls["clazar", "PatchPrivateOffer"] == 2, (
        "the third was tried, or the second was not"
    )
    assert await run_activity(clazar.link_offers, links) == [link.clazar_id for link in links]
    monkeypatch.setattr("activities.clazar.offers.LINK_LIMIT", 2)
    assert await run_activity(clazar.link_offers, links) == [link.clazar_id for link in links[:2]]


async def test_changes_are_read_oldest_first(
    sandbox: Sandbox, clazar: Clazar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.clazar.offers.PAUSE_SECONDS", 0)
    put_offer(sandbox, "offer-old", released=NOW - timedelta(days=3))
    for number in range(130):
        offer = put_offer(sandbox, f"offer-{number:013}", released=NOW - timedelta(minutes=number))
        offer.name = f"Example {number}"
    since = ClazarPosition(since=NOW - timedelta(days=1))
    changed = (await run_activity(clazar.read_changes, since)).offers
    assert len(changed) == 130
    assert [each.changed_at for each in changed] == sorted(each.changed_at for each in changed)
    assert changed[-1].offer == ObservedOffer(
        offer_id=f"offer-{0:013}", name="Example 0", clazar_id=clazar_id(f"offer-{0:013}")
    )


async def test_changes_are_sorted_and_those_known_left_out(
    clazar_client: ClazarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of Clazar's list is not documented."""
    hours = (9, 7, 8)
    rows = [
        ROW | {"cloud_id": f"offer-{hour}", "last_modified_at": f"2026-03-02T0{hour}:00:00Z"}
        for hour in hours
    ]
    monkeypatch.setattr(clazar_client, "request", rows_of(*rows))
    activity = Clazar(clazar_client).read_changes
    at = {f"offer-{hour}": NOW.replace(hour=hour) for hour in hours}
    for known, expected in (
        ({}, ["offer-7", "offer-8", "offer-9"]),
        ({"offer-8": at["offer-8"], "offer-9": NOW.replace(hour=6)}, ["offer-7", "offer-9"]),
    ):
        position = ClazarPosition(since=NOW - timedelta(days=1), known=known)
        changed = await run_activity(activity, position)
        assert [each.offer.offer_id for each in changed.offers] == expected
        assert [each.changed_at for each in changed.offers] == [at[o] for o in expected]
    monkeypatch.setattr("activities.clazar.offers.CHANGE_LIMIT", 2)
    everything = ClazarPosition(since=NOW - timedelta(days=1))
    limited = await run_activity(activity, everything)
    assert [each.offer.offer_id for each in limited.offers] == ["offer-7", "offer-8"]


async def test_offer_is_found_by_id_or_reference(sandbox: Sandbox, clazar: Clazar) -> None:
    put_offer(sandbox).name = f"Example ({OPPORTUNITY}-2)"
    put_offer(sandbox, "offer-others")
    before = NOW - timedelta(days=1)
    for wanted in (
        FindOffers(offer_id=OFFER, created_after=before),
        FindOffers(reference=f"{OPPORTUNITY}-2", created_after=before),
    ):
        assert [found.offer_id for found in await run_activity(clazar.find_offers, wanted)] == [
            OFFER
        ]
    assert (
        await run_activity(
            clazar.find_offers, FindOffers(reference="unknown", created_after=before)
        )
        == ()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"external_object_associations": {"salesforce": [{"object_id": OPPORTUNITY}]}},
        {"external_object_associations": [1]},
        {"external_object_associations": "Opportunity"},
        {"external_object_associations": None},
    ],
)
async def test_unknown_shape_of_a_link_is_no_link(
    clazar_client: ClazarClient, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    ours = {**ROW, "external_object_associations": ASSOCIATION}
    monkeypatch.setattr(clazar_client, "request", rows_of({**ROW, **changes}, ROW, ours))
    position = ClazarPosition(since=NOW - timedelta(days=1))
    changed = await run_activity(Clazar(clazar_client).read_changes, position)
    assert [each.offer.linked_to for each in changed.offers] == [None, None, OPPORTUNITY]


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        ROW | {"id": None},
        ROW | {"name": {"en": "Example"}},
        ROW | {"cloud_id": 5},
        ROW | {"last_modified_at": "yesterday"},
        ROW | {"last_modified_at": "9999-12-31T00:00:00Z"},
        {name: value for name, value in ROW.items() if name != "last_modified_at"},
    ],
)
async def test_row_that_does_not_fit_is_passed_over(
    clazar_client: ClazarClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    row: Any,
) -> None:
    monkeypatch.setattr(clazar_client, "request", rows_of(row, ROW))
    position = ClazarPosition(since=NOW - timedelta(days=1))
    changed = await run_activity(Clazar(clazar_client).read_changes, position)
    assert [each.offer.offer_id for each in changed.offers] == [OFFER]
    assert "does not fit" in caplog.text
