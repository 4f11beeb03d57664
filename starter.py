"""The command line, installed as `offerflow`: start, show and change offers."""

import typer

from cli.commands import (
    changes,
    check,
    codec_server,
    drafts,
    erase,
    offers,
    payouts,
    refunds,
    schedules,
    upgrade_check,
)
from runtime.process_exit import run_and_exit

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Private offers on AWS Marketplace, from the signed opportunity to the payout.",
)
app.command()(drafts.preflight)
app.command()(offers.start)
app.command(name="list")(offers.list_offers)
app.command()(offers.renewals)
app.command()(offers.show)
app.command()(offers.watch)
app.command()(drafts.approve)
app.command()(drafts.decline)
app.command()(drafts.revise)
app.command()(drafts.link_offer)
app.command()(changes.extend)
app.command()(changes.amend)
app.command()(changes.cancel)
app.command()(offers.resume)
app.command()(offers.resend)
app.command()(payouts.payouts)
app.command()(refunds.refund)
app.command()(erase.erase)
app.command(name="codec-server")(codec_server.codec_server)
app.command()(check.check)
app.command(name="upgrade-check")(upgrade_check.upgrade_check)
app.add_typer(schedules.app, name="schedules")


def main() -> None:
    """Run the command line."""
    run_and_exit(app)


if __name__ == "__main__":
    main()
