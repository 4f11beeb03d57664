"""The command line as users run it: exit codes, one line per error, JSON for programs."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType

from offers.ids import workflow_id
from offers.stage import Stage
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import ROOT, run, run_in_new_interpreter
from tests.support.workflow_harness import environment_variables

MISSING = "006000000000000AAA"


async def test_start_list_show_resend_and_cancel(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    code, out, err = await run_in_new_interpreter("starter.py", "start", opportunity, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["terms"]["price"] == {"amount": "120000.00", "currency": "USD"}
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)

    code, out, _ = await run("starter.py", "list", "--json")
    (row,) = json.loads(out)
    assert row["company"] == "Example Corp"
    assert row["price"] == {"amount": "120000.00", "currency": "USD"}
    assert (row["waits_for"], row["waits_until"]) == ("acceptance", row["expires_at"])
    assert row["opportunity_id"] == opportunity
    assert row["stage"] == "shared"
    assert row["offer_id"].startswith("offer-")
    assert row["expires_at"].endswith("T23:59:59Z")

    code, out, _ = await run("starter.py", "list", "--stage", "accepted", "--json")
    assert (code, json.loads(out)) == (0, [])
    code, out, _ = await run("starter.py", "list")
    assert code == 0
    assert opportunity in out

    code, out, _ = await run("starter.py", "show", opportunity[:15])
    assert code == 0
    assert row["offer_id"] in out
    assert "USD 120,000.00" in out

    code, out, _ = await run("starter.py", "resend", opportunity, "--json")
    assert code == 0
    assert "desk@example.com" not in out, "it names who may approve"

    cancel = ("starter.py", "cancel", f"offer/{opportunity}", "--reason", "test", "--json")
    code, out, err = await run(*cancel)
    assert (code, out, err) == (1, "", "nothing was cancelled: confirm it with --yes\n")
    code, out, err = await run(*cancel, "--yes")
    assert (code, err) == (0, "")
    assert json.loads(out)["stage"] == "cancelled"

    code, out, err = await run("starter.py", "cancel", opportunity)
    assert (code, err) == (1, "the offer is cancelled: there is nothing to cancel\n")
    code, out, err = await run("starter.py", "start", opportunity)
    assert code == 1
    assert err.endswith(f"start a new one; run offerflow start {opportunity} --restart\n")
    code, out, err = await run("starter.py", "start", opportunity, "--restart", "--json")
    assert code == 0
    assert json.loads(out)["revision"] == 2

    handle = cli_environment.temporal_client.get_workflow_handle(workflow_id(opportunity))
    await handle.signal("extend", {"until": "2020-01-01"})
    await cli_environment.wait_until(opportunity, lambda row: row.attention == "signal-rejected")
    shown = (await run("starter.py", "show", opportunity))[1]
    assert "Action required" in shown
    assert "docs/runbook.md#signal-rejected" in shown
    await handle.terminate()
    code, out, err = await run("starter.py", "show", opportunity)
    assert code == 0
    assert "Action required" not in out, "nobody can do anything about it any more"
    assert err.startswith("its workflow was ended from outside (terminated)")


async def test_terms_from_a_file(cli_environment: OfferEnvironment, tmp_path: Path) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    terms = tmp_path / "terms.json"
    terms.write_text(
        '{"price": {"amount": 99000.10, "currency": "USD"}, "net_payment_days": "Net 30"}',
        encoding="utf-8",
    )
    code, out, _ = await run("starter.py", "start", opportunity, "--terms", str(terms), "--json")
    assert code == 1, "no exception waits"
    terms = json.loads(out)["terms"]
    assert terms["price"]["amount"] == "99000.10", "the amount was rounded"
    assert terms["net_payment_days"] == 30


async def test_invalid_terms_are_listed_one_by_one(
    cli_environment: OfferEnvironment, tmp_path: Path
) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    terms = tmp_path / "terms.json"
    terms.write_text('{"buyer_accounts": "123", "duration": 24}', encoding="utf-8")
    code, _, err = await run("starter.py", "start", opportunity, "--terms", str(terms))
    assert code == 2
    assert "duration: there is no such term" in err
    assert not await cli_environment.client.list_offers(), "an offer was started"

    terms.write_text('{"buyer_accounts": "123", "duration_months": "long"}', encoding="utf-8")
    code, _, err = await run("starter.py", "start", opportunity, "--terms", str(terms))
    assert code == 1
    assert (
        "buyer_accounts (given) [123]: an AWS account id has exactly 12 digits. Ask the buyer"
        in err
    )
    assert "duration_months (given) [long]: it is not a whole number. Write it as 12." in err
    assert "Traceback" not in err


async def test_start_of_a_missing_opportunity_is_rejected(
    cli_environment: OfferEnvironment,
) -> None:
    code, out, err = await run("starter.py", "start", MISSING)
    assert (code, out) == (1, "")
    assert err == f"Salesforce has no opportunity {MISSING}\n"
    for command in ("show", "cancel", "resume", "resend"):
        code, out, err = await run("starter.py", command, MISSING)
        assert (code, out) == (1, "")
        assert "Salesforce has no opportunity" in err or "there is no offer for" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["start"], "Missing argument"),
        (["start", "not-an-id"], "copy the 15 or 18 letters"),
        (["start", "006000000000000AAB"], "do not fit the rest"),
        (["start", "001A0000006Vm9rIAC"], "is the id of an account, and an opportunity's begins"),
        (["start", f"{MISSING}/amendment/1"], f"is an amendment: give its opportunity, {MISSING}"),
        (["list", "--expiring", "soon"], "write it as 7d or 2w"),
        (["resume"], "give an offer, or --all with --attention or --vendor"),
        (["resume", MISSING, "--all"], "give an offer, or --all"),
        (["resume", MISSING, "--vendor", "aws"], "--vendor needs --all"),
        (["resume", "--all"], "--all needs --attention or --vendor"),
        (
            ["resume", "--all", "--attention", "x"],
            "x is no attention: choose one of terms-invalid,",
        ),
        (["start", MISSING, "--terms", "no-such-file.json"], "does not exist"),
        (["list", "--stage", "sold"], "'--stage': 'sold' is not one of 'draft', 'submitted',"),
        (["watch", "--every", "x"], "'--every': it is not a number"),
        (["watch", "--every", "0"], "'--every': it is out of range. Choose 0.2 or more."),
        (["extend", MISSING, "--until", "2027-01-31", "--months", "x"], "it is not a whole number"),
        (["schedules", "pause"], "Missing argument"),
        (["unknown"], "No such command"),
        (["show", MISSING, "--unknown"], "No such option"),
    ],
)
async def test_usage_errors(arguments: list[str], message: str) -> None:
    code, _, err = await run("starter.py", *arguments)
    assert code == 2
    shown = " ".join(err.replace("│", " ").split())
    assert message in shown
    assert "Value error" not in shown


async def test_usage_error_of_the_worker() -> None:
    code, _, err = await run("worker.py", "--queues", "sales")
    assert code == 2
    assert "Invalid value for '--queues': 'sales' is not one of 'offers'" in err


@pytest.mark.parametrize("content", ["{", "[]", '"text"'])
async def test_invalid_terms_file(tmp_path: Path, content: str) -> None:
    terms = tmp_path / "terms.json"
    terms.write_text(content, encoding="utf-8")
    code, _, err = await run("starter.py", "start", MISSING, "--terms", str(terms))
    assert code == 2
    assert "terms.json" in err


@pytest.mark.parametrize("command", [["starter.py", "list"], ["worker.py"]])
async def test_missing_server_is_one_line(
    unused_tcp_port: int, tmp_path: Path, command: list[str]
) -> None:
    address = f"127.0.0.1:{unused_tcp_port}"
    env_file = tmp_path / "some.env"
    lines = [f"{name}={value}\n" for name, value in VALID_SETTINGS.items()]
    env_file.write_text("".join(lines) + f"TEMPORAL_ADDRESS={address}\n", encoding="utf-8")
    code, out, err = await run(*command, OFFERS_ENV_FILE=str(env_file))
    assert (code, out) == (1, "")
    assert err.startswith(f"no Temporal server answers at {address}: start one, or set")
    assert err.count("\n") == 1
    _, _, err = await run(*command, OFFERS_ENV_FILE=str(env_file), TEMPORAL_ADDRESS="localhost:1")
    assert err.startswith("no Temporal server answers at localhost:1:")


@pytest.mark.parametrize("program", ["starter.py", "worker.py"])
async def test_unreadable_env_file_is_one_line(tmp_path: Path, program: str) -> None:
    env_file = tmp_path / "some.env"
    env_file.write_text("SMTP_URL=smtps://user:se$cret@mail.example.com\n", encoding="utf-8")
    arguments = ["list"] if program == "starter.py" else []
    code, out, err = await run(program, *arguments, OFFERS_ENV_FILE=str(env_file))
    assert (code, out) == (1, "")
    assert err == (
        f"{env_file}, line 1: Compose replaces what begins with $: put the value in single quotes\n"
    )


def test_interrupted_command_says_so() -> None:
    # Whoever runs the tests in the background may have it ignored, which a process inherits.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "starter.py"), "list"],
            env=os.environ | {"TEMPORAL_ADDRESS": f"127.0.0.1:{silent.getsockname()[1]}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        signal.signal(signal.SIGINT, before)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        connection.close()
    assert err.startswith("interrupted: see with offerflow show, or list,")
    assert (process.returncode, out) == (130, "")


async def test_wrong_namespace_or_profile_is_one_line(
    cli_environment: OfferEnvironment,
) -> None:
    code, _, err = await run("starter.py", "list", TEMPORAL_NAMESPACE="no-such-namespace")
    assert code == 1
    assert "no-such-namespace" in err
    assert err.count("\n") == 1
    code, _, err = await run("starter.py", "list", TEMPORAL_PROFILE="no-such-profile")
    assert code == 1
    assert "no-such-profile" in err
    assert err.count("\n") == 1


async def test_start_of_a_running_offer(cli_environment: OfferEnvironment, tmp_path: Path) -> None:
    (opportunity,) = await cli_environment.share_offers(1)
    terms = tmp_path / "terms.json"
    terms.write_text('{"duration_months": 24}', encoding="utf-8")
    code, _, err = await run("starter.py", "start", opportunity, "--terms", str(terms))
    assert code == 1
    assert "has been started already (shared): revise it while it is a draft" in err

    for _ in range(2):
        record = await cli_environment.client.start(opportunity)
        assert record.stage is Stage.SHARED, "an earlier command's answer"
    handle = cli_environment.temporal_client.get_workflow_handle(workflow_id(opportunity))
    events = (await handle.fetch_history()).events
    accepted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    assert sum(event.event_type == accepted for event in events) == 1, "of 2,000 per run"


async def test_text_from_outside_controls_no_terminal(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    fields = cli_environment.world.salesforce.opportunities[opportunity]
    fields["Account"] = {"Name": "Acme [/red] [link=https://evil.example]Corp[/link]"}
    await run("starter.py", "start", opportunity)
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    for command in (["list"], ["show", opportunity], ["payouts"]):
        code, out, _ = await run("starter.py", *command)
        assert code == 0
        assert command == ["payouts"] or "Acme [/red] [link=" in out
    await cli_environment.client.cancel(opportunity, "\x1b]0;title\x07 \u202enosaer")
    for command in (["list"], ["show", opportunity], ["show", opportunity, "--json"]):
        code, out, err = await run("starter.py", *command)
        assert code == 0
        assert not {"\x1b", "\x07", "\u202e"} & {*out, *err}


async def test_two_starts_at_once_are_one_offer(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    starts = [cli_environment.client.start(opportunity) for _ in range(2)]
    commands = [run("starter.py", "start", opportunity) for _ in range(2)]
    records, answers = await asyncio.gather(asyncio.gather(*starts), asyncio.gather(*commands))
    assert {record.revision for record in records} == {1}
    assert [code for code, *_ in answers] == [0, 0]
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    assert len(cli_environment.world.aws.offers) == 1


async def test_resume_of_one_of_several_attentions(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    cli_environment.world.salesforce.opportunities[opportunity]["Buyer_Email__c"] = ""
    await run("starter.py", "start", opportunity)
    handle = cli_environment.temporal_client.get_workflow_handle(workflow_id(opportunity))
    await handle.signal("extend", {"until": "2020-01-01"})
    await cli_environment.wait_until_idle(opportunity)

    code, _, err = await run("starter.py", "resume", opportunity)
    assert code == 1
    assert "terms-invalid" in err
    assert "signal-rejected" in err
    code, _, err = await run("starter.py", "resume", opportunity, "--attention", "no-such-code")
    assert code == 1
    assert "no-such-code" in err
    code, out, _ = await run(
        "starter.py", "resume", opportunity, "--attention", "signal-rejected", "--json"
    )
    assert code == 0
    assert [each["code"] for each in json.loads(out)["attentions"]] == ["terms-invalid"]


async def test_resume_of_all_offers_with_an_attention(cli_environment: OfferEnvironment) -> None:
    world = cli_environment.world
    world.faults.catalog.answer(403, "StartChangeSet", times=2)
    first, second, other = cli_environment.put_opportunities(1, 2, 3)
    world.salesforce.opportunities[other]["Buyer_Email__c"] = ""
    for opportunity in (first, second, other):
        await cli_environment.client.start(opportunity)
    for opportunity in (first, second):
        await cli_environment.wait_until(
            opportunity, lambda row: row.attention == "credentials-rejected"
        )
    await cli_environment.wait_until(other, lambda row: row.attention == "terms-invalid")
    await cli_environment.temporal_client.get_workflow_handle(workflow_id(second)).signal(
        "extend", {"until": "2020-01-01"}
    )
    await cli_environment.wait_until(second, lambda row: len(row.attentions) == 2)

    resume = ("starter.py", "resume", "--all")
    code, out, err = await run(*resume, "--vendor", "aws")
    assert (code, out) == (1, "")
    assert err == "nothing was resumed; it would be 2 offers: confirm it with --yes\n"
    code, out, err = await run(*resume, "--vendor", "clazar", "--yes")
    assert (code, out, err) == (0, "No offer waits for this.\n", "")
    code, out, err = await run(
        *resume, "--vendor", "aws", "--attention", "credentials-rejected", "--yes", "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out) == {"resumed": [first, second], "rejected": []}
    for opportunity in (first, second):
        await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    code, out, _ = await run("starter.py", "list", "--json")
    assert {each["opportunity_id"]: each["attentions"] for each in json.loads(out)} == {
        first: [],
        second: ["signal-rejected"],
        other: ["terms-invalid"],
    }
    code, out, _ = await run("starter.py", "list", "--attention", "signal-rejected", "--json")
    assert [each["opportunity_id"] for each in json.loads(out)] == [second]


async def test_list_warns_of_a_failing_schedule(cli_environment: OfferEnvironment) -> None:
    cli_environment.world.faults.agreement.answer(403, "SearchAgreements", times=None)
    (code, _, err) = await run("starter.py", "schedules", "apply")
    handle = cli_environment.temporal_client.get_schedule_handle("marketplace-watch")
    await handle.trigger()
    async with asyncio.timeout(20):
        while "marketplace-watch: its last run failed" not in err:
            code, _, err = await run("starter.py", "list", "--json")
    assert code == 0
    assert "rejects our credentials" in err


VALID_SETTINGS = {
    "OFFERS_PRODUCT_ID": "prod-examplesaas01",
    "OFFERS_DIMENSION": "platform",
    "OFFERS_FIELDS": str(ROOT / "examples" / "fields.toml"),
    "CLAZAR_CLIENT_ID": "id",
    "CLAZAR_CLIENT_SECRET": "secret",
    "SALESFORCE_LOGIN_URL": "https://org.example.com",
    "SALESFORCE_CLIENT_ID": "id",
    "SALESFORCE_CLIENT_SECRET": "secret",
    "SMTP_URL": "smtp://127.0.0.1:2525",
    "MAIL_FROM": "offers@example.com",
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"OFFERS_DIMENSION": ""}, "OFFERS_DIMENSION is not set: set it in the environment or in"),
        ({"SMTP_URL": ""}, "SMTP_URL is not set"),
        ({"SALESFORCE_CLIENT_SECRET": ""}, "Salesforce needs SALESFORCE_CLIENT_SECRET, or"),
        ({"SMTP_URL": "hunter2"}, "SMTP_URL: it must begin with smtp:// or smtps://"),
        ({"OFFERS_URL_PATTERN": "https://x/{offer}"}, "only {product_id} and {offer_id}"),
        ({"OFFERS_CLOCK_SCALE": "60"}, "other than 1 needs OFFERS_CLOCK_ORIGIN"),
        ({"OFFERS_CLOCK_SCALE": "fast"}, "OFFERS_CLOCK_SCALE: "),
    ],
)
async def test_missing_or_invalid_setting_is_one_line(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    with environment_variables(VALID_SETTINGS):
        code, out, err = await run("worker.py", **changes)
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1
    assert "hunter2" not in err, "the line has a value, which may be a secret"


async def test_files_that_are_missing_are_named_with_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with environment_variables(VALID_SETTINGS):
        code, _, err = await run("worker.py", OFFERS_POLICY="policy.toml")
        assert code == 1
        assert err == f"OFFERS_POLICY: {tmp_path}/policy.toml: No such file or directory\n"
        monkeypatch.delenv("OFFERS_ENV_FILE")
        code, _, err = await run("worker.py", SMTP_URL="")
        assert code == 1
        assert f".env: there is none in {tmp_path}; start the program where it is\n" in err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "OFFERS_POLICY",
            "days_to_accept = 0",
            ", line 1: days_to_accept [0]: it is out of range. Choose more than 0.",
        ),
        ("OFFERS_POLICY", "dayz = 5", ", line 1: dayz: there is no such field"),
        (
            "OFFERS_POLICY",
            "offer_name = '{x}'",
            ", line 1: offer_name [{x}]: there is no {x}.",
        ),
        (
            "OFFERS_POLICY",
            "[rules]\n[rules.annual]\naction = 'maybe'",
            ", line 3: rules.annual.action [maybe]: it is none of the values it can have",
        ),
        (
            "OFFERS_POLICY",
            "[roles]\nlegal = ['legal@example.com']",
            "rules ask for approval by deal-desk, and nobody holds that role. Name who does",
        ),
        ("OFFERS_POLICY", "= 5", "Invalid statement (at line 1, column 1)"),
        (
            "OFFERS_FIELDS",
            "[read]\ncompny = 'Name'",
            ", line 2: read.compny: there is no such name. Choose 'company',",
        ),
        ("OFFERS_FIELDS", "", "read: it is missing. Give it a value"),
    ],
)
async def test_invalid_settings_file_is_named_with_line_and_remedy(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(content, encoding="utf-8")
    with environment_variables(VALID_SETTINGS):
        code, _, err = await run("worker.py", **{name: str(file)})
    assert code == 1
    assert str(file) in err
    assert message in err
    assert "Traceback" not in err
