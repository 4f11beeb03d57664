"""The command that tries the vendors with a test offer."""

import json
from typing import Annotated

import typer
from rich.text import Text

from cli import common
from cli.common import AsJson, Yes, command
from client.offer_client import RequestRejected
from offers.terms.parsing import parse_account_id
from runtime.process_exit import exit_process
from runtime.settings import WorkerSettings, read_settings


@command
async def rehearse(
    buyer_account: Annotated[
        str, typer.Option(help="An AWS account of your own, not the seller's, with 12 digits.")
    ],
    *,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Wait until you have accepted the offer there, then ask to cancel the agreement.",
        ),
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Try AWS, Clazar and Salesforce with an offer of USD 0.01, and withdraw it.

    Prints what was seen of what the product assumes. It takes about an hour, because AWS creates
    the offer. Needs the worker's settings, and no worker. Exits with 1 if something is not as
    assumed.

    Examples:

    - `offerflow rehearse --buyer-account 111122223333`
    - `offerflow rehearse --buyer-account 111122223333 --accept`
    """
    # Every vendor's client is imported, which takes long: not for every command.
    from runtime.rehearsal import Fact, Rehearsal, RehearsalFailed

    try:
        account = parse_account_id(buyer_account)
    except ValueError:
        raise typer.BadParameter(
            "--buyer-account: it must be one AWS account id, 12 digits"
        ) from None
    question = f"Create an offer of USD 0.01 to account {account} in AWS, and withdraw it?"
    common.confirm(question, yes=yes, otherwise="nothing was created")
    facts: list[Fact] = []

    def report(fact: Fact) -> None:
        facts.append(fact)
        if not as_json:
            mark = ("ok   ", "green") if fact.as_assumed else ("other", "bold red")
            line = Text.assemble(mark, f"  {fact.system}: {fact.fact}")
            common.console.print(line, soft_wrap=True)

    failure: RehearsalFailed | None = None
    try:
        await Rehearsal(read_settings(WorkerSettings), account, report).run(accept=accept)
    except RehearsalFailed as error:
        failure = error
    if as_json:
        print(json.dumps([each.model_dump(mode="json") for each in facts], indent=2))
    if failure:
        raise RequestRejected(str(failure))
    if not all(each.as_assumed for each in facts):
        exit_process(common.FAILURE)
