"""The HTTP API with real offers: what programs create, read and change."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from offers.ids import workflow_id
from offers.lifecycle.attentions import AttentionCode
from offers.stage import Stage
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from tests.support import offer_environment
from tests.support.api import add_key, api
from tests.support.console import RunningConsole, running_console
from tests.support.dev_server import new_namespace
from tests.support.offer_api import OfferApi
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from tests.support.sessions import csrf_in
from web import console
from web.api.call import SeenKeys
from web.permissions import Permission

pytestmark = pytest.mark.xdist_group("api")

DESK = "desk@example.com"


def in_days(days: int) -> str:
    """A day from now (UTC)."""
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


async def updates_of(environment: OfferEnvironment, path: str, name: str) -> int:
    """How many updates of a name an offer's workflow has accepted."""
    handle = environment.temporal_client.get_workflow_handle(workflow_id(path))
    accepted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    return sum(
        event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name
        == name
        for event in (await handle.fetch_history()).events
        if event.event_type == accepted
    )


async def shown(program: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await program.get(f"/offers/{path}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_create_twice_is_one_offer(own: OfferApi) -> None:
    environment, program = own.environment, own.program
    (opportunity,) = environment.put_opportunities(1)
    body = {"opportunity": opportunity, "terms": {"duration_months": 24}}
    first = await program.post("/offers", json=body)
    second = await program.post("/offers", json=body)
    found = await program.post("/offers", json={"opportunity": opportunity[:15]})
    assert [each.status_code for each in (first, second, found)] == [201, 200, 200]
    assert first.headers["location"] == f"/api/v1/offers/{opportunity}" == first.json()["url"]
    assert first.json() == second.json() == found.json()
    assert [each["code"] for each in first.json()["findings"]] == ["not-annual"]
    other = await program.post("/offers", json=body | {"terms": {"duration_months": 36}})
    assert (other.status_code, other.json()["code"]) == (409, "already-started")
    count = await environment.temporal_client.count_workflows("WorkflowType = 'OfferWorkflow'")
    assert count.count <= 1  # search may be late


async def test_offers_that_are_created_at_once_are_one(
    environment: OfferEnvironment, program: httpx.AsyncClient
) -> None:
    (opportunity,) = environment.put_opportunities(1)
    for body in ({"opportunity": opportunity}, {"opportunity": opportunity, "method": None}):
        calls = [program.post("/offers", json=body) for _ in range(4)]
        answers = await asyncio.gather(*calls)
        codes = sorted(each.status_code for each in answers)
        assert codes == (
            [200, 200, 200, 201] if body == {"opportunity": opportunity} else [200] * 4
        )


async def test_person_decides_with_a_key_of_their_own_and_a_program_does_not(
    environment: OfferEnvironment, served: RunningConsole, keys: Path, program: httpx.AsyncClient
) -> None:
    (opportunity,) = environment.put_opportunities(2)
    await program.post(
        "/offers", json={"opportunity": opportunity, "terms": {"duration_months": 24}}
    )
    offer = await shown(program, opportunity)
    (waiting,) = offer["to_decide"]
    assert waiting["role"] == "deal-desk"
    assert waiting["why_not"] == "it needs the role deal-desk"
    decision = {"finding": waiting["finding"], "deal": waiting["deal"], "reason": "a good customer"}
    refused = await program.post(f"/offers/{opportunity}/approve", json=decision)
    assert (refused.status_code, refused.json()["detail"]) == (403, "a program cannot decide")
    async with api(served.url, add_key(keys, "desk", person=DESK)) as desk:
        assert (await shown(desk, opportunity))["to_decide"][0]["why_not"] is None
        other = await desk.post(
            f"/offers/{opportunity}/approve", json=decision | {"deal": "0" * 32}
        )
        assert (other.status_code, other.json()["code"]) == (409, "deal-changed")
        key = {"Idempotency-Key": "a-decision"}
        for _ in range(2):
            done = await desk.post(f"/offers/{opportunity}/approve", json=decision, headers=key)
            assert done.status_code == 200, done.text
    assert await updates_of(environment, opportunity, "approve") == 1
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    (decided,) = (await shown(program, opportunity))["decisions"]
    assert (decided["by"], decided["approved"]) == (DESK, True)
    assert "proof" not in decided


async def test_record_shows_no_roles_and_what_can_be_done(
    environment: OfferEnvironment, program: httpx.AsyncClient
) -> None:
    (opportunity,) = await environment.share_offers(3)
    offer = await shown(program, opportunity)
    assert "roles" not in offer["policy"]
    assert offer["terms"]["price"]["amount"] == "120000.00"
    assert offer["is_open"]
    actions = {each["kind"]: each for each in offer["actions"]}
    assert actions["extend"]["possible"]
    assert actions["extend"]["url"] == f"/api/v1/offers/{opportunity}/extend"
    assert not actions["refund"]["possible"]
    assert actions["refund"]["why_not"] == "there is no agreement, so nothing was invoiced"


async def test_changes_are_done_once_for_each_key(own: OfferApi) -> None:
    environment, program = own.environment, own.program
    (opportunity,) = await environment.share_offers(1)
    path = f"/offers/{opportunity}"
    for name, body in (("extend", {"until": in_days(100)}), ("resend", None)):
        first, second = [
            await program.post(f"{path}/{name}", json=body, headers={"Idempotency-Key": "k"})
            for _ in range(2)
        ]
        assert (first.status_code, second.status_code) == (200, 200), first.text
        assert first.json() == second.json()
        assert await updates_of(environment, opportunity, name) == 1
    other = await program.post(
        f"{path}/extend", json={"until": in_days(101)}, headers={"Idempotency-Key": "k"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert other.json()["field"] == "Idempotency-Key"
    for refused in ({"until": "soon"}, {"until": in_days(-3)}):
        answer = await program.post(
            f"{path}/extend", json=refused, headers={"Idempotency-Key": "corrected"}
        )
        assert (answer.status_code, answer.json()["field"]) != (422, "Idempotency-Key")
        assert answer.is_client_error
    corrected = await program.post(
        f"{path}/extend", json={"until": in_days(101)}, headers={"Idempotency-Key": "corrected"}
    )
    assert corrected.status_code == 200, corrected.text
    # Temporal keeps what failed under its id.
    environment.world.aws.change_set_processing.failures.append("INVALID_AVAILABILITY_END_DATE")
    by_aws = {"Idempotency-Key": "refused-by-AWS"}
    answer = await program.post(f"{path}/extend", json={"until": in_days(110)}, headers=by_aws)
    assert answer.status_code == 422, answer.text
    corrected = await program.post(f"{path}/extend", json={"until": in_days(102)}, headers=by_aws)
    assert corrected.status_code == 200, corrected.text
    without = await program.post(f"{path}/resend")
    assert without.status_code == 200
    assert await updates_of(environment, opportunity, "resend") == 2


async def test_repeated_cancellation_gives_the_same_answer_after_the_end(
    environment: OfferEnvironment, program: httpx.AsyncClient
) -> None:
    (opportunity,) = environment.put_opportunities(4)
    await program.post(
        "/offers", json={"opportunity": opportunity, "terms": {"duration_months": 24}}
    )
    path, key = f"/offers/{opportunity}/cancel", {"Idempotency-Key": "k" * 64}
    first = await program.post(path, json={"reason": "x"}, headers=key)
    await environment.wait_until_closed(opportunity)
    second = await program.post(path, json={"reason": "x"}, headers=key)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert first.json()["stage"] == "cancelled"
    third = await program.post(path, json={"reason": "x"})
    assert (third.status_code, third.json()["code"]) == (409, "offer-ended")
    (action,) = third.json()["actions"]
    assert action["kind"] == "start-again"
    again = await program.post("/offers", json={"opportunity": opportunity, "restart": True})
    assert (again.status_code, again.json()["revision"]) == (201, 2)
    offer = await shown(program, opportunity)
    assert offer["previous_revisions"][0]["outcome"] == "cancelled"


async def test_terms_are_revised_and_amended(
    environment: OfferEnvironment, program: httpx.AsyncClient
) -> None:
    (opportunity,) = environment.put_opportunities(5)
    await program.post(
        "/offers", json={"opportunity": opportunity, "terms": {"duration_months": 24}}
    )
    unknown = await program.post(f"/offers/{opportunity}/revise", json={"terms": {"prise": "1"}})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown-term")
    exact = b'{"terms": {"duration_months": 12, "price": {"amount": 110000.10, "currency": "USD"}}}'
    revised = await program.post(
        f"/offers/{opportunity}/revise",
        content=exact,
        headers={"content-type": "application/json"},
    )
    assert revised.status_code == 200, revised.text
    findings = {each["code"] for each in revised.json()["findings"]}
    assert "not-annual" not in findings
    offer = await shown(program, opportunity)
    assert offer["terms"]["price"] == {"amount": "110000.10", "currency": "USD"}
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    path = f"/offers/{opportunity}/amend"
    amended = await program.post(path, json={"terms": {"description": "Another note"}})
    assert (amended.status_code, amended.json()["revision"]) == (200, 1), amended.text
    assert (await shown(program, opportunity))["terms"]["description"] == "Another note"


async def test_preflight_starts_nothing(
    environment: OfferEnvironment, program: httpx.AsyncClient
) -> None:
    (opportunity,) = environment.put_opportunities(6)
    found = await program.post(
        "/preflight", json={"opportunity": opportunity, "terms": {"duration_months": 24}}
    )
    assert found.status_code == 200
    data = found.json()
    assert not data["refuses"]
    assert [each["code"] for each in data["findings"]] == ["not-annual"]
    assert data["sources"]["duration_months"] == "given"
    assert data["terms"]["duration_months"] == 24
    missing = await program.get(f"/offers/{opportunity}")
    assert (missing.status_code, missing.json()["code"]) == (404, "no-such-offer")


async def test_failure_of_a_vendor_is_no_mistake_of_the_caller(own: OfferApi) -> None:
    environment, program = own.environment, own.program
    (opportunity,) = environment.put_opportunities(1)
    environment.world.faults.salesforce.answer(401, times=None)
    answer = await program.post("/preflight", json={"opportunity": opportunity})
    assert (answer.status_code, answer.json()["code"]) == (503, "credentials-rejected")
    assert "An operator" in answer.json()["remedy"]


async def test_attentions_are_resumed_one_by_one_and_all_at_once(own: OfferApi) -> None:
    environment, program = own.environment, own.program
    opportunities = environment.put_opportunities(1, 2)
    wrong = {"terms": {"buyer_accounts": "1"}}
    for each in opportunities:
        await program.post("/offers", json={"opportunity": each} | wrong)
        await environment.wait_until(each, lambda row: row.attention == "terms-invalid")
    one = await program.post(
        f"/offers/{opportunities[0]}/resume", json={"attention": "terms-invalid"}
    )
    assert one.status_code == 200
    other = await program.post(
        f"/offers/{opportunities[0]}/resume", json={"attention": "vendor-rejected"}
    )
    assert other.status_code in (409, 422)
    body = {"attention": AttentionCode.TERMS_INVALID}
    for each in opportunities:
        await environment.wait_until(each, lambda row: row.attention == "terms-invalid")
    first, second = [
        await program.post("/resume-all", json=body, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert first.json()["resumed"] == sorted(opportunities)
    assert second.status_code == 200
    assert await updates_of(environment, opportunities[1], "resume") == 1
    nothing = await program.post("/resume-all", json={})
    assert (nothing.status_code, nothing.json()["remedy"]) == (422, "Give attention or vendor")


async def test_what_takes_longer_goes_on(
    environment: OfferEnvironment, program: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "ANSWER_WITHIN", timedelta())
    (opportunity,) = environment.put_opportunities(7)
    answer = await program.post("/offers", json={"opportunity": opportunity})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/v1/offers/{opportunity}"
    assert answer.json() == {
        "offer": opportunity,
        "url": f"/api/v1/offers/{opportunity}",
        "done": False,
        "stage": None,
        "revision": None,
        "findings": [],
    }
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    cancelled = await program.post(f"/offers/{opportunity}/cancel", json={"reason": "x"})
    assert (cancelled.status_code, cancelled.json()["done"]) == (202, False)
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.CANCELLED)


async def test_accepted_offer_shows_its_money_and_takes_requests(own: OfferApi) -> None:
    environment, program, served = own.environment, own.program, own.served
    (opportunity,) = await environment.share_offers(1)
    await environment.accept(opportunity)
    await environment.run_agreement_watch()
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)
    served.app.state.console.reader.ask()
    async with asyncio.timeout(30):
        while not (found := (await program.get("/payouts")).json())["lines"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    (line,) = found["lines"]
    assert line["offer"] == opportunity
    assert isinstance(found["totals"]["USD"]["expected"], str)
    assert found["months"]["USD"]
    none = await program.get("/payouts", params={"month": "1999-01"})
    assert none.json()["lines"] == []
    ending = (await program.get("/renewals", params={"within_days": 800})).json()
    assert [each["path"] for each in ending["agreements"]] == [opportunity]
    asked = await program.post(
        f"/offers/{opportunity}/request-cancellation",
        json={"reason_code": "OTHER", "message": "As agreed."},
    )
    assert asked.status_code == 200, asked.text
    assert (await shown(program, opportunity))["cancellation"]["status"] == "PENDING_APPROVAL"
    refund = {"invoice_id": "INV-none", "amount": "500.00 USD", "reason": "OTHER"}
    check = await program.post(f"/offers/{opportunity}/refunds/check", json=refund)
    assert (check.status_code, check.json()["code"]) == (409, "refund-not-possible")


async def test_list_is_filtered_and_paged(own: OfferApi) -> None:
    environment, program, served = own.environment, own.program, own.served
    opportunities = environment.put_opportunities(*range(1, 6))
    for each in opportunities:
        await program.post("/offers", json={"opportunity": each, "terms": {"duration_months": 24}})
    for each in opportunities:
        await environment.wait_until(each, lambda row: row.attention is not None)
    reader = served.app.state.console.reader
    async with asyncio.timeout(30):
        while len([row for row in reader.reading.rows if row.attention]) < 5:
            reader.ask()
            await asyncio.sleep(0.1)
    paths, cursor = [], ""
    for expected in (2, 2, 1):
        page = await program.get("/offers", params={"limit": 2, "cursor": cursor})
        data = page.json()
        assert len(data["offers"]) == expected
        paths += [row["opportunity_id"] for row in data["offers"]]
        cursor = data["next"]
    assert cursor is None
    assert paths == sorted(opportunities)
    for filters, number in (
        ({"attention": "approval-required"}, 5),
        ({"attention": "any"}, 5),
        ({"attention": "vendor-rejected"}, 0),
        ({"stage": "draft"}, 5),
        ({"stage": "shared"}, 0),
        ({"q": opportunities[3]}, 1),
        ({"owner": "nobody"}, 0),
        ({"expiring": "3650d"}, 5),
    ):
        page = await program.get("/offers", params=filters)
        assert len(page.json()["offers"]) == number, filters
    for wrong, field in (
        ({"stage": "lost"}, "stage"),
        ({"attention": "none"}, "attention"),
        ({"expiring": "soon"}, "expiring"),
        ({"limit": "201"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "MTIz"}, "cursor"),
        ({"stge": "draft"}, "stge"),
        ({"q": "\0"}, "q"),
    ):
        refused = await program.get("/offers", params=wrong)
        assert (refused.status_code, refused.json()["field"]) == (422, field), wrong
        assert refused.json()["remedy"]


async def test_wrong_scope_is_named(served: RunningConsole, keys: Path) -> None:
    async with api(served.url, add_key(keys, "viewer", [Permission.VIEW])) as viewer:
        refused = await viewer.post("/offers", json={"opportunity": "006TEST00000001"})
    assert refused.status_code == 403
    assert refused.json()["detail"] == "the key has no scope create"


async def test_owner_of_the_opportunity_creates_its_offer(
    environment: OfferEnvironment, served: RunningConsole, keys: Path
) -> None:
    """Who that is, Salesforce says while there is no offer."""
    (opportunity,) = environment.put_opportunities(8)
    answers = {}
    for person in ("viewer", "finance", "owner", "desk"):
        key = add_key(keys, person, person=f"{person}@example.com")
        async with api(served.url, key) as caller:
            answers[person] = await caller.post("/offers", json={"opportunity": opportunity})
    assert {who: each.status_code for who, each in answers.items()} == {
        "viewer": 403,
        "finance": 403,
        "owner": 201,
        "desk": 200,
    }


async def test_offer_is_created_while_no_worker_runs(dev_server: str, tmp_path: Path) -> None:
    keys = tmp_path / "api-keys.toml"
    key = add_key(keys)
    client = await new_namespace(dev_server)
    async with (
        running_console(client, OFFERS_API_KEYS=str(keys)) as served,
        api(served.url, key) as program,
    ):
        answer = await program.post("/offers", json={"opportunity": "0065g00000AbCdEAAV"})
        assert (answer.status_code, answer.json()["done"]) == (202, False)
        later = await program.get(answer.headers["location"].removeprefix("/api/v1"))
        assert (later.status_code, later.json()["code"]) == (503, "no-answer")


async def test_opportunity_that_does_not_exist_has_no_offer(
    program: httpx.AsyncClient, served: RunningConsole
) -> None:
    for path in ("/offers", "/preflight"):
        answer = await program.post(path, json={"opportunity": "006TEST00009999"})
        assert (answer.status_code, answer.json()["code"]) == (404, "no-such-opportunity"), path
    # The run that found out is still there.
    shown = await program.get("/offers/006TEST00009999")
    assert (shown.status_code, shown.json()["code"]) == (404, "no-such-opportunity"), shown.text
    async with httpx.AsyncClient(base_url=served.url) as browser:
        page = await browser.get("/offers/006TEST00009999")
    assert page.status_code == 404
    assert "Salesforce has no opportunity" in page.text
    assert "AWS" not in page.text


async def test_refund_is_asked_for_once_and_approved_by_somebody_else(own: OfferApi) -> None:
    environment, served, keys, program = own.environment, own.served, own.keys, own.program
    (opportunity,) = await environment.share_offers(1)
    await environment.accept(opportunity)
    await environment.run_agreement_watch()
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)
    (invoice,) = environment.world.money.invoices
    path = f"/offers/{opportunity}/refunds"
    body = {"invoice_id": invoice.id, "amount": "500.00 USD", "reason": "OTHER"}
    headers = {"Idempotency-Key": "k"}
    environment.world.faults.agreement.answer(403, times=None)
    for failing in ("/check", ""):
        answer = await program.post(f"{path}{failing}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "vendor-failed"), answer.text
    environment.world.faults.clear()
    check = await program.post(f"{path}/check", json=body)
    assert check.json()["adjustable"] == {"amount": "120000.00", "currency": "USD"}
    refused = await program.post(path, json=body | {"amount": "120000.01 USD"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "refund-not-possible")
    for _ in range(2):
        asked = await program.post(path, json=body, headers=headers)
        assert asked.status_code == 200, asked.text
    served.app.state.seen_keys = SeenKeys()  # as after a start of the console
    other = await program.post(path, json=body | {"amount": "400.00 USD"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    offer = await shown(program, opportunity)
    (refund,), (waiting,) = offer["refunds"], offer["to_decide"]
    assert "proof" not in refund
    assert waiting["finding"] == "refund-1"
    decision = {"finding": waiting["finding"], "deal": waiting["deal"]}
    key = add_key(keys, "finance", person="finance@example.com")
    async with api(served.url, key) as finance:
        approved = await finance.post(f"/offers/{opportunity}/approve", json=decision)
        assert approved.status_code == 200, approved.text
    await environment.wait_until_called("agreement", "BatchCreateBillingAdjustmentRequest", 1)


async def test_mail_that_nobody_gets_is_not_shown_as_sent(
    dev_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offer_environment, "POLICY", 'product_name = "Example Product"\n')
    async with open_offer_environment(dev_server, tmp_path) as environment:
        (opportunity,) = environment.put_opportunities(1)
        record = await environment.client.start(opportunity, {"duration_months": 24})
        assert record.awaiting_approval
        handle = environment.temporal_client.get_workflow_handle(workflow_id(opportunity))
        async for event in handle.fetch_history_events(wait_new_event=True):
            done = event.activity_task_completed_event_attributes
            if done.result.payloads and done.result.payloads[0].data == b"false":
                break
        mails = await environment.client.sent_mails(opportunity, record.clock)
        (approvers,) = [each for each in mails if each.summary == "Email approvers: required"]
        assert not approvers.is_sent


async def test_console_without_the_keys_of_the_workers_says_so(
    dev_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "api-keys.toml"
    key = add_key(keys)
    monkeypatch.setenv("OFFERS_ENCRYPTION_KEYS", f"k1:{'A' * 43}=")
    async with open_offer_environment(dev_server, tmp_path) as environment:
        (opportunity,) = environment.put_opportunities(1)
        await environment.client.start(opportunity, {"duration_months": 24})
        monkeypatch.delenv("OFFERS_ENCRYPTION_KEYS")
        config = environment.temporal_client.config()
        config["data_converter"] = data_converter(TemporalSettings())
        async with (
            running_console(Client(**config), OFFERS_API_KEYS=str(keys)) as served,
            api(served.url, key) as program,
            httpx.AsyncClient(base_url=served.url) as browser,
        ):
            offer = {"opportunity": opportunity}
            for answer in (
                await program.get(f"/offers/{opportunity}"),
                await program.post(f"/offers/{opportunity}/resend"),
                await program.post("/offers", json=offer | {"terms": {"duration_months": 12}}),
                await program.post("/preflight", json=offer),
            ):
                assert (answer.status_code, answer.json()["code"]) == (
                    503,
                    "encryption-keys-differ",
                ), answer.text
                assert "OFFERS_ENCRYPTION_KEYS of the workers" in answer.json()["remedy"]
            page = await browser.get(f"/offers/{opportunity}")
            assert page.status_code == 200
            assert "OFFERS_ENCRYPTION_KEYS is not set" in page.text
            sent = {"csrf": csrf_in(await browser.get("/new")), "action": "resend"}
            refused = await browser.post(f"/offers/{opportunity}", data=sent)
            assert refused.status_code == 503
            assert "OFFERS_ENCRYPTION_KEYS of the workers" in refused.text
