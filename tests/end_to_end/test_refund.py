"""offerflow refund: AWS is asked first, the amount is asked back, finance approves."""

import json

from offers.payouts.refund import RefundStatus
from offers.stage import Stage
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import run

BY = ["--by", "owner@example.com"]


async def test_refund_on_the_command_line(cli_environment: OfferEnvironment) -> None:
    environment = cli_environment
    (opportunity,) = await environment.share_offers(1)
    await environment.accept(opportunity)
    await environment.run_agreement_watch()
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)
    (invoice,) = environment.world.money.invoices
    asked = [
        *("starter.py", "refund", opportunity, "--invoice", invoice.id),
        *("--amount", "4,000.00 USD", "--reason", "OTHER", *BY),
    ]

    code, out, err = await run(*asked, "--dry-run")
    assert (code, err) == (0, "")
    assert "Can be refunded  USD 120,000.00" in out
    assert "To be refunded   USD 4,000.00 before tax" in out

    code, _, err = await run(*asked)
    assert code == 2
    assert 'add "USD 4,000.00"' in err
    code, _, err = await run(*asked, "--confirm", "400 USD")
    assert code == 2
    assert "USD 400.00 is not USD 4,000.00; nothing was refunded" in err
    code, _, err = await run(*asked[:6], "lots", *asked[7:])
    assert code == 2
    assert "amount [lots]: it is not an amount with its currency" in err
    code, _, err = await run(*asked[:6], "120000.01 USD", *asked[7:], "--dry-run")
    assert code == 1
    assert "AWS lets at most USD 120,000.00 of the invoice be refunded" in err

    code, out, err = await run(*asked, "--confirm", "4000.00 USD")
    assert (code, err) == (0, "")
    assert (
        f"Refund 1  USD 4,000.00 of invoice {invoice.id}, awaiting approval"
        in " ".join(out.split("  "))
        or "awaiting approval" in out
    )
    assert f"offerflow approve {opportunity} --by" in out
    assert "--finding refund-1" in out
    assert not environment.world.money.adjustments

    approve = ("starter.py", "approve", opportunity, "--finding", "refund-1", "--json", "--by")
    code, _, err = await run(*approve, "owner@example.com")
    assert code == 1
    assert "this needs the role finance" in err
    code, out, err = await run(*approve, "finance@example.com")
    assert (code, err) == (0, "")
    (refund,) = json.loads(out)["refunds"]
    assert refund["status"] in (RefundStatus.APPROVED, RefundStatus.PENDING)
    await environment.wait_until_called("agreement", "BatchCreateBillingAdjustmentRequest", 1)
