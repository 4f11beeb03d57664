"""`offerflow diagnose` as people run it."""

import json
from datetime import timedelta

import pytest

from client.offer_client import RequestRejected
from offers.ids import offer_path, workflow_id
from offers.stage import Stage
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import run


async def test_report_of_the_command(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = await cli_environment.share_offers(1)
    code, out, err = await run(
        "starter.py", "diagnose", opportunity, "--signed-in-account", "1111-2222-3333"
    )
    assert (code, err) == (0, "")
    assert out.startswith(f"{opportunity}, Example Corp, stage shared, offer-")
    assert "1. The buyer is signed in to account 111122223333, and the offer is for 222200" in out
    assert f"offerflow amend {opportunity} buyer_accounts=111122223333\n" in out
    assert "To the customer: “The offer offer-" in out
    assert "Possible: The buyer's user may lack the permission" in out
    assert "No agreement has ended or failed." in out

    await cli_environment.accept(opportunity)
    cli_environment.world.faults.clazar.down()
    code, out, err = await run("starter.py", "diagnose", opportunity, "--json")
    assert code == 1
    found = json.loads(out)
    assert set(found) == {"offer", "stage", "offer_id", "asked_at", "causes", "unanswered"}
    assert {each["code"] for each in found["causes"]} == {"accepted-already", "money-not-known"}
    assert set(found["causes"][0]) == {
        *("code", "question", "certain", "sentence", "evidence", "remedy", "customer_text"),
        *("source", "commands"),
    }
    assert found["unanswered"] == [
        {"system": "the offer in Clazar", "problem": "Clazar: status 503"},
        {"system": "the payout data", "problem": "Clazar: status 503"},
    ]
    code, _, err = await run("starter.py", "diagnose", opportunity)
    assert err.splitlines()[0] == "Not known: the offer in Clazar (Clazar: status 503)"
    assert (await run("starter.py", "diagnose", opportunity, "--signed-in-account", "12"))[0] == 2


async def test_what_is_known_while_no_worker_runs(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, terminated = environment.put_opportunities(2, 3)
    for each in (ended, terminated):
        await environment.client.start_without_waiting(each)
    (shared,) = await environment.share_offers(1)
    client, handle = environment.client, environment.temporal_client.get_workflow_handle
    await client.cancel(ended, "")
    await handle(workflow_id(ended)).cancel()
    await handle(workflow_id(ended)).result()
    await handle(workflow_id(terminated)).terminate()
    await environment.stop_workers()
    # The server remembers a worker that has just left.
    monkeypatch.setattr("activities.temporal.pollers.POLLER_SEEN_WITHIN", timedelta(0))
    known = await client.known(shared)
    assert known.record is None
    assert known.is_followed
    assert known.problems == ("no worker answers on the task queue offers: start worker.py",)
    assert known.summary.progress.stage is Stage.SHARED
    assert known.summary.progress.offer_id

    known = await client.known(ended)
    assert known.record
    assert known.record.stage is Stage.CANCELLED
    assert (known.is_followed, known.problems) == (False, ())

    known = await client.known(terminated)
    assert not known.is_followed
    assert known.problems[0].startswith("its workflow was ended from outside (terminated)")

    with pytest.raises(RequestRejected, match="there is no offer"):
        await client.known(offer_path(shared, 1))
