"""Change commands: what they do, what is rejected, and which command is suggested instead."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from offers.ids import offer_path, workflow_id
from offers.stage import Stage
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import run

DESK = "desk@example.com"


def in_days(days: int) -> str:
    return f"{datetime.now(UTC).date() + timedelta(days=days)}"


async def accept_offer(environment: OfferEnvironment) -> str:
    """Share an offer, let the buyer accept it, and run the agreement watch."""
    (opportunity,) = await environment.share_offers(1)
    await environment.accept(opportunity)
    await environment.run_agreement_watch()
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)
    return opportunity


async def test_extend_and_amend_before_acceptance(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = await cli_environment.share_offers(1)
    code, out, err = await run(
        "starter.py", "extend", opportunity, "--until", in_days(50), "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["terms"]["availability_end"] == in_days(50)

    code, out, err = await run(
        "starter.py", "amend", opportunity, "offer_name=Another name", "--json"
    )
    assert (code, err) == (0, "")
    first = json.loads(out)
    assert (first["stage"], first["terms"]["offer_name"]) == ("shared", "Another name")

    amend = ("starter.py", "amend", opportunity, "price=110000 USD", "--json")
    code, out, err = await run(*amend)
    assert (code, out, err) == (1, "", "nothing was changed: confirm it with --yes\n")
    code, out, err = await run(*amend, "--yes")
    assert (code, err) == (0, "")
    assert json.loads(out)["revision"] == 2
    row = await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    assert row.offer_id != first["offer_id"]
    code, out, _ = await run("starter.py", "show", opportunity)
    assert f"amended ({first['offer_id']})" in out
    assert (
        sum(map(cli_environment.world.aws.acceptable, cli_environment.world.aws.offers.values()))
        == 1
    )


async def test_cancel_and_amend_after_acceptance(cli_environment: OfferEnvironment) -> None:
    opportunity = await accept_offer(cli_environment)
    code, out, err = await run("starter.py", "cancel", opportunity)
    assert (code, out) == (1, "")
    assert f"offerflow cancel {opportunity} --agreement --reason-code" in err

    code, out, err = await run("starter.py", "amend", opportunity, "additional_amount=30000 USD")
    amendment = offer_path(opportunity, 1)
    assert code == 1, "it does not wait for approval"
    assert "Price of the amendment" in out
    assert "USD 30,000.00" in out
    code, out, _ = await run("starter.py", "approve", amendment, "--by", DESK, "--json")
    assert code == 0
    row = await cli_environment.wait_until(amendment, lambda row: row.stage == Stage.SHARED)
    code, out, _ = await run("starter.py", "list")
    assert f"{opportunity}/1 " in out, "the short form, which commands take, too"
    await cli_environment.accept(amendment)
    await cli_environment.run_agreement_watch()
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.REPLACED)
    row = await cli_environment.wait_until(amendment, lambda row: row.stage == Stage.ACCEPTED)
    code, out, _ = await run("starter.py", "show", opportunity, "--json")
    assert json.loads(out)["replaced_by"] == row.agreement_id

    # The original, which is not told of what follows, is shown with it.
    code, _, _ = await run("starter.py", "amend", amendment, "additional_amount=20000 USD")
    second = offer_path(opportunity, 2)
    code, _, _ = await run("starter.py", "approve", second, "--by", DESK)
    assert code == 0
    await cli_environment.wait_until(second, lambda row: row.stage == Stage.SHARED)
    await cli_environment.accept(second)
    await cli_environment.run_agreement_watch()
    await cli_environment.wait_until(amendment, lambda row: row.stage == Stage.REPLACED)
    await cli_environment.wait_until(second, lambda row: row.stage == Stage.ACCEPTED)
    code, out, _ = await run("starter.py", "show", opportunity)
    for number, stage in ((1, "replaced"), (2, "accepted")):
        (line,) = (each for each in out.splitlines() if each.startswith(f"Amendment {number}"))
        assert line.split()[2] == stage


async def test_cancellation_of_an_agreement_is_requested(cli_environment: OfferEnvironment) -> None:
    opportunity = await accept_offer(cli_environment)
    reason = ("--agreement", "--reason-code", "OTHER", "--message", "As agreed on the phone")
    code, out, err = await run("starter.py", "cancel", opportunity, *reason, "--yes")
    assert (code, err) == (0, "")
    assert "PENDING_APPROVAL, reason OTHER" in out
    code, _, err = await run("starter.py", "cancel", opportunity, *reason, "--yes")
    assert code == 1
    assert "the buyer was asked to let the agreement be cancelled" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("extend", "--until", "tomorrow"),
            "until [tomorrow]: it is not a date. Write it as 2027-01-31",
        ),
        (("extend", "--until", "2300-01-01"), "until"),
        (("cancel", "--agreement"), "--agreement needs --reason-code and --message"),
        (("cancel", "--message", "Sorry"), "--reason-code and --message need --agreement"),
        (
            ("cancel", "--agreement", "--reason-code", "OTHER", "--message", " "),
            "it is empty. Tell the buyer why",
        ),
        (("amend", "price"), "write a change as NAME=VALUE"),
        (("amend", "additional_amount=30000"), "add the currency"),
    ],
)
async def test_invalid_arguments_of_change_commands(
    arguments: tuple[str, ...], message: str
) -> None:
    command, *rest = arguments
    code, out, err = await run("starter.py", command, "006000000000000AAA", *rest)
    assert (code, out) == (2, "")
    assert message in " ".join(err.replace("│", " ").split())


async def test_invalid_amendment_path() -> None:
    code, _, err = await run("starter.py", "show", "006000000000000AAA/amendment/0")
    assert code == 2
    assert "names no amendment: write it as" in " ".join(err.replace("│", " ").split())


async def test_rejected_commands_write_no_history_events(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = await cli_environment.share_offers(1)
    handle = cli_environment.temporal_client.get_workflow_handle(workflow_id(opportunity))
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    before = await cli_environment.wait_until_idle(opportunity)
    for arguments in (
        ("extend", "--until", in_days(1)),
        ("amend", "colour=red"),
        ("revise", "price=110000 USD"),
        ("cancel", "--agreement", "--reason-code", "OTHER", "--message", "Please"),
    ):
        command, *rest = arguments
        code, out, err = await run("starter.py", command, opportunity, *rest)
        assert (code, out) == (1, "")
        assert err
    assert (await handle.describe()).history_length == before
