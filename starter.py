#!/usr/bin/env python
"""The command line, installed as `offerflow`: start, show and change offers."""

from typing import Annotated, ClassVar

import typer

from cli.lazy_group import Entry, LazyGroup
from cli.terminal import print_error, print_line
from runtime.env_file import InvalidEnvFile, load_env_file
from runtime.process_exit import exit_process, run_and_exit

PROGRAM = "offerflow"


class Commands(LazyGroup):
    """The commands, in the order in which they are listed."""

    entries: ClassVar = {
        "check": Entry(
            "cli.commands.check:check",
            "Ask every system whether it is set up as the worker needs it; nothing is written.",
        ),
        "rehearse": Entry(
            "cli.commands.rehearse:rehearse",
            "Try AWS, Clazar and Salesforce with an offer of USD 0.01, and withdraw it.",
        ),
        "preflight": Entry(
            "cli.commands.drafts:preflight",
            "Check a deal without starting an offer; nothing is written to any system.",
        ),
        "start": Entry(
            "cli.commands.offers:start",
            "Start the offer of an opportunity. Starting it twice changes nothing.",
        ),
        "list": Entry(
            "cli.commands.offers:list_offers",
            "List the offers: those that need somebody first.",
        ),
        "renewals": Entry(
            "cli.commands.offers:renewals",
            "List the agreements that end soon, and whether their renewals are on the way.",
        ),
        "show": Entry("cli.commands.offers:show", "Show everything about one offer."),
        "diagnose": Entry(
            "cli.commands.diagnose:diagnose",
            "Find out why a customer can't see or has lost an offer, or why it is not paid.",
        ),
        "watch": Entry(
            "cli.commands.offers:watch",
            "Watch all offers until Ctrl-C: a live table; without a terminal, a line per change.",
        ),
        "approve": Entry(
            "cli.commands.drafts:approve", "Approve exceptions to the selling rules, or a refund."
        ),
        "decline": Entry(
            "cli.commands.drafts:decline",
            "Decline a refund, or exceptions: the terms must then be revised, unless approved"
            " later.",
        ),
        "revise": Entry(
            "cli.commands.drafts:revise",
            "Change the terms of a draft, or of an offer that AWS rejected, and check them again.",
        ),
        "link-offer": Entry(
            "cli.commands.drafts:link_offer",
            "Name the offer that was created in Clazar, if it was not recognised.",
        ),
        "extend": Entry(
            "cli.commands.changes:extend",
            "Give the buyer more time; also possible for some days after the offer has expired.",
        ),
        "amend": Entry("cli.commands.changes:amend", "Change an offer in AWS, or its agreement."),
        "cancel": Entry(
            "cli.commands.changes:cancel",
            "Cancel an offer before acceptance, and wait until AWS has withdrawn it.",
        ),
        "resume": Entry(
            "cli.commands.offers:resume",
            "Let an offer, or all, continue after what they wait for is resolved.",
        ),
        "resend": Entry("cli.commands.offers:resend", "Send the offer to the buyer again."),
        "payouts": Entry(
            "cli.commands.payouts:payouts",
            "Report payouts: expected, invoiced, collected, paid out and overdue.",
        ),
        "refund": Entry(
            "cli.commands.refunds:refund",
            "Refund a part of an invoice to the buyer, once finance has approved it.",
        ),
        "erase": Entry(
            "cli.commands.erase:erase",
            "Erase an offer that has ended: its workflow histories, and its contract files in S3.",
        ),
        "web": Entry(
            "cli.commands.web:web", "Serve the web console and its HTTP API until Ctrl-C."
        ),
        "api-keys": Entry(
            "cli.commands.api_keys:app",
            "The keys of programs that call the HTTP API: create, list, revoke.",
        ),
        "codec-server": Entry(
            "cli.commands.codec_server:codec_server",
            "Make encrypted offers readable in the Temporal UI, until it is stopped (Ctrl-C).",
        ),
        "upgrade-check": Entry(
            "cli.commands.upgrade_check:upgrade_check",
            "Replay all open workflows on this build. Run it with a new build before it is"
            " deployed.",
        ),
        "webhooks": Entry(
            "cli.commands.webhooks:app",
            "The receivers of events that the policy names: send a test.",
        ),
        "schedules": Entry(
            "cli.commands.schedules:app",
            "The Temporal Schedules: create, list, pause, resume.",
        ),
    }


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print_line(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


@app.callback(
    help="Private offers on AWS Marketplace, from the signed opportunity to the payout.",
    epilog=f"Example: `{PROGRAM} list --expiring 7d`. Each command has examples in its own help."
    " Settings are read from the environment and from `.env`.",
)
def prepare(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Read `.env`, before a command reads its options from the environment."""
    try:
        load_env_file()
    except InvalidEnvFile as error:
        print_error(error)
        exit_process(1)


def main() -> None:
    """Run the command line."""
    run_and_exit(lambda: app(prog_name=PROGRAM))


if __name__ == "__main__":
    main()
