"""The activities on Clazar and Salesforce, with the real clients against the sandbox."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError

from activities.clazar.client import ClazarClient
from activities.clazar.disbursements import DATASET, ClazarDisbursements
from activities.clazar.offers import Clazar, ClazarPosition, FindOffers, LinkOffer
from activities.errors import Failure
from activities.salesforce.client import SalesforceClient, SalesforceLogin
from activities.salesforce.opportunities import Opportunities
from activities.salesforce.write_back import Salesforce
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.salesforce_fields import opportunity_update
from offers.payouts.model import PayoutReading, PayoutState
from offers.preflight.marketplace import ObservedOffer
from offers.stage import Stage
from runtime import clients
from runtime.settings import WorkerSettings, read_settings
from sandbox.clazar.resources import clazar_id
from sandbox.faults import Fault
from sandbox.salesforce.records import put_opportunity
from sandbox.server import Sandbox
from sandbox.world import ClazarLinks, Disbursement, Offer
from tests.support.builders import terms
from tests.support.vendors import NOW, OFFER, failure_type, run_activity
from tests.support.workflow_harness import OPPORTUNITY, opportunity_fields

# Clazar ------------------------------------------------------------------------------------------


@pytest.fixture
async def clazar_client(sandbox: Sandbox) -> AsyncIterator[ClazarClient]:
    client = ClazarClient(
        sandbox.addresses.clazar,
        sandbox.world.clazar.client_id,
        SecretStr(sandbox.world.clazar.client_secret),
    )
    yield client
    await client.close()


@pytest.fixture
def clazar(clazar_client: ClazarClient) -> Clazar:
    return Clazar(clazar_client)


def offer(sandbox: Sandbox, offer_id: str = OFFER, *, released: datetime = NOW) -> Offer:
    made = Offer(
        offer_id,
        sandbox.world.product_id,
        state="Released",
        name="Example",
        buyer_accounts=["111122223333"],
        availability_end=NOW.date() + timedelta(days=30),
        released_at=released - timedelta(hours=1),
        last_modified=released - timedelta(hours=1),
    )
    sandbox.world.offers[offer_id] = made
    return made


LINK = LinkOffer(clazar_id=clazar_id(OFFER), opportunity_id=OPPORTUNITY)
OURS = {"salesforce": {"object_type": "Opportunity", "object_id": OPPORTUNITY}}


async def test_an_offer_is_linked_once_and_other_links_stay(
    sandbox: Sandbox, clazar: Clazar
) -> None:
    offer(sandbox)
    sandbox.world.clazar_links[OFFER] = ClazarLinks(
        external_object_associations={"hubspot": {"id": "7"}}
    )
    await run_activity(clazar.link_offer, LINK)
    await run_activity(clazar.link_offer, LINK)
    links = sandbox.world.clazar_links[OFFER].external_object_associations
    assert links == {"hubspot": {"id": "7"}} | OURS
    assert sandbox.world.calls["clazar", "PatchPrivateOffer"] == 1


async def test_of_several_offers_those_are_linked_that_can_be_at_once(
    sandbox: Sandbox, clazar: Clazar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others see to it by themselves: one that hangs must not hold up the reading."""
    links = []
    for number in range(3):
        made = offer(sandbox, f"offer-{number:013}")
        links.append(LINK.model_copy(update={"clazar_id": clazar_id(made.id)}))
    await run_activity(clazar.link_offer, links[0])
    sandbox.world.faults.waiting.append(Fault("clazar", "status", "PatchPrivateOffer"))
    assert await run_activity(clazar.link_offers, links) == [links[0].clazar_id]
    assert sandbox.world.calls["clazar", "PatchPrivateOffer"] == 2, "the third was not tried"
    assert await run_activity(clazar.link_offers, links) == [link.clazar_id for link in links]
    monkeypatch.setattr("activities.clazar.offers.LINK_LIMIT", 2)
    assert await run_activity(clazar.link_offers, links) == [link.clazar_id for link in links[:2]]


async def test_what_has_changed_is_read_for_all_offers_the_oldest_first(
    sandbox: Sandbox, clazar: Clazar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.clazar.offers.PAUSE_SECONDS", 0)
    offer(sandbox, "offer-old", released=NOW - timedelta(days=3))
    for number in range(130):
        made = offer(sandbox, f"offer-{number:013}", released=NOW - timedelta(minutes=number))
        made.name = f"Example {number}"
    since = ClazarPosition(since=NOW - timedelta(days=1))
    changed = (await run_activity(clazar.read_changes, since)).offers
    assert len(changed) == 130
    assert [each.changed_at for each in changed] == sorted(each.changed_at for each in changed)
    assert changed[-1].offer == ObservedOffer(
        offer_id=f"offer-{0:013}", name="Example 0", clazar_id=clazar_id(f"offer-{0:013}")
    )


async def test_an_offer_is_found_by_its_id_or_by_a_reference_in_its_name(
    sandbox: Sandbox, clazar: Clazar
) -> None:
    offer(sandbox).name = f"Example ({OPPORTUNITY}-2)"
    offer(sandbox, "offer-others")
    before = NOW - timedelta(days=1)
    for wanted in (
        FindOffers(offer_id=OFFER, created_after=before),
        FindOffers(reference=f"{OPPORTUNITY}-2", created_after=before),
    ):
        assert [seen.offer_id for seen in await run_activity(clazar.find_offers, wanted)] == [OFFER]
    assert (
        await run_activity(
            clazar.find_offers, FindOffers(reference="nobody's", created_after=before)
        )
        == ()
    )


async def test_a_token_is_shared_and_renewed_once_when_it_is_refused(
    sandbox: Sandbox, clazar: Clazar
) -> None:
    offer(sandbox)
    await asyncio.gather(*(run_activity(clazar.link_offer, LINK) for _ in range(5)))
    assert sandbox.world.calls["clazar", "Authenticate"] == 1
    sandbox.world.clazar.revoke_tokens()
    await asyncio.gather(*(run_activity(clazar.link_offer, LINK) for _ in range(5)))
    assert sandbox.world.calls["clazar", "Authenticate"] == 2


async def test_lasting_refusal_burns_no_calls(sandbox: Sandbox, clazar: Clazar) -> None:
    offer(sandbox)
    sandbox.world.faults.waiting.append(
        Fault("clazar", "status", "GetPrivateOffer", status=401, times=None)
    )
    with pytest.raises(ApplicationError) as raised:
        await run_activity(clazar.link_offer, LINK)
    assert failure_type(raised) == Failure.CREDENTIALS
    assert sandbox.world.calls["clazar", "GetPrivateOffer"] == 2


def paid(offer_id: str, **changes: Any) -> Disbursement:
    row = Disbursement(
        offer_id=offer_id,
        offer_name="Example",
        agreement_id="agmt-1",
        acceptor="111122223333",
        agreement_accepted_at=NOW,
        agreement_start=NOW,
        agreement_end=NOW,
        invoice_id="INV-1",
        invoice_date=NOW,
        payment_due=NOW,
        currency="USD",
        gross=Decimal("1000.10"),
        listing_fee=Decimal("-30.00"),
        listing_fee_percentage=Decimal(3),
        disbursed=Decimal("970.10"),
        undisbursed=Decimal(0),
        status="Disbursed",
        disbursed_at=NOW,
        bank_trace_id="trace-1",
    )
    return replace(row, **changes)


async def read(client: ClazarClient, *offers: str) -> PayoutReading:
    return await ClazarDisbursements(client).read(offers or None, NOW.date())


async def test_payouts_are_read_to_the_cent(sandbox: Sandbox, clazar_client: ClazarClient) -> None:
    sandbox.world.disbursements += [paid("offer-a"), paid("offer-b")]
    reading = await read(clazar_client, "offer-a", "offer-c")
    assert set(reading.payouts) == {"offer-a"}
    payout = reading.payouts["offer-a"]
    assert str(payout.disbursed) == "USD 970.10"
    assert str(payout.listing_fee) == "USD 30.00"
    assert payout.bank_trace_ids == ("trace-1",)
    assert set((await read(clazar_client)).payouts) == {"offer-a", "offer-b"}


async def test_a_payout_that_failed_is_not_paid(
    sandbox: Sandbox, clazar_client: ClazarClient
) -> None:
    back = {"gross": Decimal("-1000.10"), "listing_fee": Decimal("30.00")}
    sandbox.world.disbursements += [
        paid("offer-a", undisbursed=Decimal("970.10")),
        paid(
            "offer-a",
            **back,
            disbursed=Decimal("-970.10"),
            undisbursed=Decimal("970.10"),
            status="Failed",
            disbursed_at=NOW + timedelta(days=1),
            bank_trace_id=None,
        ),
    ]
    payout = (await read(clazar_client)).payouts["offer-a"]
    assert payout.state is PayoutState.FAILED
    assert str(payout.undisbursed) == "USD 970.10"
    assert str(payout.listing_fee) == "USD 30.00", "what is owed is owed less the fee"
    assert payout.bank_trace_ids == (), "that payout did not stand"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"invoice_id": ""}, "invoice_id is blank"),
        ({"currency": "CHF"}, "currency"),
    ],
)
async def test_odd_rows_of_one_offer_do_not_hide_the_others_money(
    sandbox: Sandbox, clazar_client: ClazarClient, changes: dict[str, Any], said: str
) -> None:
    sandbox.world.disbursements += [paid("offer-a", **changes), paid("offer-a"), paid("offer-b")]
    reading = await read(clazar_client)
    (finding,) = reading.findings
    assert said in str(finding)
    assert "offer-a" in finding.problem
    assert set(reading.complete_payouts) == {"offer-b"}, "of offer-a something is missing"
    assert set(reading.payouts) == {"offer-a", "offer-b"}


class Dataset(ClazarClient):
    """Clazar with one page of rows, whatever they are."""

    def __init__(self, *rows: Any) -> None:
        self._rows = rows

    async def request(self, *_: Any, **__: Any) -> Any:
        """The page."""
        return {"results": list(self._rows), "next": None}


GOOD_ROW = {
    "offer_id": "offer-a",
    "invoice_id": "INV-1",
    "currency": "USD",
    "gross_revenue": Decimal(1000),
    "listing_fee": Decimal(-30),
    "gross_refund": "",
    "disbursed_net_revenue": Decimal(0),
    "undisbursed_net_revenue": Decimal(970),
}


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (None, "a row: it is no object"),
        (
            GOOD_ROW | {"offer_id": "offer-b", "gross_revenue": "1,000.00"},
            "offer offer-b, invoice INV-1: gross_revenue is no amount: '1,000.00'",
        ),
        (
            GOOD_ROW | {"offer_id": "offer-b", "invoice_date": "04/01/2026"},
            "offer offer-b, invoice INV-1: invoice_date is no date: '04/01/2026'",
        ),
    ],
)
async def test_odd_rows_are_named_and_the_rest_counts(odd: Any, said: str) -> None:
    reading = await read(Dataset(odd, GOOD_ROW))
    (finding,) = reading.findings
    assert finding.problem == said
    assert str(reading.complete_payouts["offer-a"].net) == "USD 970.00"


async def test_clazar_is_given_a_pause_before_each_further_page(
    sandbox: Sandbox,
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    client = ClazarClient(
        sandbox.addresses.clazar,
        sandbox.world.clazar.client_id,
        SecretStr(sandbox.world.clazar.client_secret),
        sleep=pause,
    )
    sandbox.world.disbursements += [paid(f"offer-{number}") for number in range(5)]
    pages = client.pages(f"/analytics/datasets/{DATASET}", 2, pause=2.5)
    assert [len(page) async for page in pages] == [2, 2, 1]
    await client.close()
    assert pauses == [2.5, 2.5]


# Salesforce --------------------------------------------------------------------------------------


@pytest.fixture
def salesforce(sandbox: Sandbox) -> Salesforce:
    put_opportunity(sandbox.world, opportunity_fields(OPPORTUNITY, Amount=120000.55))
    return clients.salesforce(read_settings(WorkerSettings))


@pytest.fixture
def opportunities(salesforce: Salesforce) -> Opportunities:
    return clients.opportunities(read_settings(WorkerSettings))


async def test_an_opportunity_s_amount_is_taken_exactly(opportunities: Opportunities) -> None:
    read = await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert read.facts["price"] == {"amount": "120000.55", "currency": "USD"}
    assert read.facts["buyer_time_zone"] == "Europe/Berlin"
    assert read.order_form.of("signed") is True


@pytest.mark.parametrize("known_by", ["account", "company"])
async def test_other_customers_and_the_last_purchase_are_told_apart(
    sandbox: Sandbox, opportunities: Opportunities, known_by: str
) -> None:
    by_company: dict[str, Any] = {"AccountId": None} if known_by == "company" else {}
    stranger: dict[str, Any] = {
        "AccountId": "0015g00000XyZaBAAV",
        "Account": {"Name": "Example Two"},
    }
    others: dict[str, dict[str, Any]] = {
        "006OTHERS000001": stranger | {"AWS_Account_Id__c": "1111-2222-3333"},
        "006OTHERS000002": stranger | {"AWS_Account_Id__c": "444455556666, 1111 2222 3333"},
        "006OTHERS000003": stranger | {"AWS_Account_Id__c": "444455556666"},
        "006BEFORE000001": {
            "AWS_Account_Id__c": "777788889999",
            "Offer_Stage__c": "disbursed",
            "Accepted_At__c": "2025-03-02T09:00:00.000+0000",
        },
        "006BEFORE000002": {
            "AWS_Account_Id__c": "000000000012",
            "Offer_Stage__c": "accepted",
            "Accepted_At__c": "2024-03-02T09:00:00.000+0000",
        },
    }
    for each, fields in others.items():
        put_opportunity(sandbox.world, opportunity_fields(each, **by_company | fields))
    put_opportunity(sandbox.world, opportunity_fields(OPPORTUNITY, **by_company))
    read = await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    customer = await asyncio.to_thread(opportunities.customer, OPPORTUNITY, read, ("111122223333",))
    assert [(use.opportunity_id[:15], use.company) for use in customer.others] == [
        ("006OTHERS000001", "Example Two"),
        ("006OTHERS000002", "Example Two"),
    ]
    assert customer.last_purchase is not None
    assert customer.last_purchase.buyer_accounts == ("777788889999",)
    assert sandbox.world.writes == 0


async def test_what_is_written_are_whole_values(sandbox: Sandbox, salesforce: Salesforce) -> None:
    record = OfferRecord(opportunity_id=OPPORTUNITY, stage=Stage.SHARED, terms=terms())
    for _ in range(2):
        await asyncio.to_thread(run_activity, salesforce.write_back, opportunity_update(record))
    written = sandbox.world.opportunities[OPPORTUNITY]
    assert written["Offer_Stage__c"] == "shared"
    assert written["Offer_Amount__c"] == 120000
    assert written["Offer_Link_Expires__c"].startswith("2026-04-01T23:59:59")
    first, second = (entry["fields"] for entry in written["_history"])
    assert first == second


async def test_many_threads_log_in_once(sandbox: Sandbox, opportunities: Opportunities) -> None:
    def read_many() -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(opportunities.read, [OPPORTUNITY] * 24))

    await asyncio.to_thread(read_many)
    assert sandbox.world.calls["salesforce", "Token"] == 1
    sandbox.world.salesforce.revoke_tokens()
    await asyncio.to_thread(read_many)
    assert sandbox.world.calls["salesforce", "Token"] == 2


async def test_a_lasting_401_ends_after_one_new_login(
    sandbox: Sandbox, opportunities: Opportunities
) -> None:
    sandbox.world.faults.waiting.append(
        Fault("salesforce", "status", "Query", status=401, code="INVALID_SESSION_ID", times=None)
    )
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert failure_type(raised) == Failure.CREDENTIALS
    assert sandbox.world.calls["salesforce", "Query"] == 2
    assert sandbox.world.calls["salesforce", "Token"] == 2


async def test_wrong_credentials_ask_for_a_person(sandbox: Sandbox) -> None:
    login = SalesforceLogin(
        url=sandbox.addresses.salesforce, client_id="x", client_secret=SecretStr("hunter2")
    )
    client = SalesforceClient(login, sandbox.addresses.salesforce_ca)
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(client.call, lambda api: api.query("SELECT Id FROM Opportunity"))
    assert failure_type(raised) == Failure.CREDENTIALS
    assert "hunter2" not in str(raised.value)
