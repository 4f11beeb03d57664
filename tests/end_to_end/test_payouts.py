"""offerflow payouts: exact sums, by offer and month, as text, JSON, CSV and a plot."""

import csv
import io
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from offers.clock import Clock
from offers.policy.policy import Policy
from offers.stage import Stage
from runtime import schedules
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import run


async def accept_offers(environment: OfferEnvironment, *numbers: int) -> list[str]:
    ids = await environment.share_offers(*numbers)
    for each in ids:
        await environment.accept(each)
    await environment.run_agreement_watch()
    for each in ids:
        await environment.wait_until(each, lambda row: row.stage == Stage.ACCEPTED)
    return ids


async def test_payout_report_matches_the_source(
    cli_environment: OfferEnvironment, tmp_path: Path
) -> None:
    environment = cli_environment
    whole, part, unpaid = await accept_offers(environment, 1, 2, 3)
    unrelated = environment.accept_unrelated_offer()
    environment.pay(whole, "1")
    environment.pay(part, "0.4")

    code, out, err = await run("starter.py", "payouts", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    rows = environment.world.money.disbursements
    undisbursed = defaultdict[str, Decimal](Decimal)
    for row in rows:
        undisbursed[row.invoice_id] = row.undisbursed
    totals = report["totals"]["USD"]
    assert Decimal(totals["disbursed"]) == sum(row.disbursed for row in rows)
    assert Decimal(totals["undisbursed"]) == sum(undisbursed.values())
    assert Decimal(totals["net"]) == sum(row.disbursed for row in rows) + sum(undisbursed.values())
    assert totals["overdue"] == "0.00"
    by_offer = {line["offer"]: line for line in report["lines"]}
    assert by_offer[whole]["state"] == "disbursed"
    assert by_offer[part]["state"] == "partially disbursed"
    assert by_offer[part]["expected_amount"] == "69840.00"
    assert by_offer[unpaid]["waits_on"] == "due date"
    assert by_offer[None]["offer_id"] == unrelated.offer_id, (
        "the offer of another program is missing"
    )
    assert by_offer[None]["waits_on"] is None

    code, out, _ = await run("starter.py", "payouts", "--csv")
    assert code == 0
    read = list(csv.DictReader(io.StringIO(out)))
    assert len(read) == len(report["lines"])
    assert sum(Decimal(line["disbursed"]) for line in read) == Decimal(totals["disbursed"])

    code, out, _ = await run("starter.py", "payouts", "--offer", part)
    assert code == 0
    assert part in out
    assert whole not in out
    assert "69,840.00" in out

    code, out, _ = await run("starter.py", "payouts", "--month", "2020-01", "--json")
    assert json.loads(out)["lines"] == []
    month = f"{environment.world.now():%Y-%m}"
    code, out, _ = await run("starter.py", "payouts", "--month", month, "--json")
    assert json.loads(out)["totals"]["USD"]["disbursed"] == totals["disbursed"]
    code, _, err = await run("starter.py", "payouts", "--month", "last")
    assert code == 2
    assert "write it as 2027-01" in err

    plot = tmp_path / "money.png"
    code, _, err = await run("starter.py", "payouts", "--plot", str(plot))
    assert (code, err) == (0, "")
    assert plot.read_bytes().startswith(b"\x89PNG")
    code, _, err = await run("starter.py", "payouts", "--plot", str(tmp_path / "no" / "money.png"))
    assert code == 1
    assert "cannot be written" in err


async def test_unreadable_payout_data_is_named_and_the_rest_is_shown(
    cli_environment: OfferEnvironment,
) -> None:
    environment = cli_environment
    broken, good = await accept_offers(environment, 1, 2)
    for row in environment.world.money.disbursements:
        if broken in (environment.world.aws.offers[row.offer_id].description or ""):
            row.currency = "CHF"
    code, out, err = await run("starter.py", "payouts", "--csv")
    assert code == 1
    assert good in out
    assert "Clazar aws_marketplace_disbursements" in err
    assert "all other rows were counted" in err


async def test_unreadable_payout_data_is_mailed_to_finance_once(
    environment: OfferEnvironment,
) -> None:
    broken, good = await accept_offers(environment, 1, 2)
    environment.pay(good, "1")
    for row in environment.world.money.disbursements:
        if broken in (environment.world.aws.offers[row.offer_id].description or ""):
            row.currency = "CHF"
    policy = Policy.model_validate(
        {"roles": {"finance": ["finance@example.com"], "deal-desk": ["d@example.com"],
                   "legal": ["l@example.com"]},
         "payouts": {"every": "PT1S"}}
    )  # fmt: skip
    await schedules.apply(environment.temporal_client, policy, Clock())
    await environment.wait_until_called("clazar", "GetDisbursements", 3)
    mails = [
        mail for mail in environment.world.mail.messages if "could not be read" in mail.subject
    ]
    (mail,) = mails
    assert mail.recipients == ["finance@example.com"]
    assert "aws_marketplace_disbursements" in mail.text
    await environment.wait_until(good, lambda row: row.stage == Stage.DISBURSED)
    assert (await environment.client.record(broken)).stage is Stage.ACCEPTED


async def test_unreadable_payout_data_is_mailed_again_if_the_mail_failed(
    environment: OfferEnvironment,
) -> None:
    (offer,) = await accept_offers(environment, 1)
    environment.world.money.disbursements[0].currency = "CHF"
    await environment.wait_until_idle(offer)
    environment.world.faults.smtp.answer(550, "RCPT")
    failed = await environment.run_payout_sweep()
    assert failed.findings == ()
    assert (await environment.run_payout_sweep()).findings
    (mail,) = [m for m in environment.world.mail.messages if "could not be read" in m.subject]
    assert mail.recipients == ["finance@example.com"]
