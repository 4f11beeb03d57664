"""Why something is not as it is expected with one offer."""

import json
from typing import Annotated

import typer

from cli import common
from cli.common import AsJson, Offer, command
from cli.terminal import print_error
from runtime.process_exit import exit_process


def _account(text: str) -> str:
    from offers.terms.parsing import parse_account_id

    try:
        return parse_account_id(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@command
async def diagnose(
    offer: Offer,
    signed_in_account: Annotated[
        str | None,
        typer.Option(
            parser=_account,
            metavar="ACCOUNT",
            help="The AWS account in which the customer looks for the offer, as they say.",
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Find out why a customer can't see or has lost an offer, or why it is not paid.

    Asks Temporal, AWS, Clazar and the payout data now, and writes nothing. For each question come
    the causes, the likeliest first, with what they are seen by, what to do, and a text for the
    customer. Needs the worker's settings, but no worker. Exits with 1 if a system does not answer.

    Examples:

    - `offerflow diagnose 006…`
    - `offerflow diagnose 006… --signed-in-account 111122223333`
    """
    # Every vendor's client is imported, which takes long: not for every command.
    from cli.diagnosis_output import diagnosis_text, to_json_data
    from offers.diagnosis.diagnosis import diagnose
    from offers.diagnosis.snapshot import System, Unanswered
    from runtime.diagnosis import take_snapshot
    from runtime.settings import WorkerSettings, read_settings

    settings = read_settings(WorkerSettings)
    known = await (await common.open_offer_client()).known(offer)
    snapshot, unanswered = await take_snapshot(
        settings,
        known.summary,
        known.record,
        is_followed=known.is_followed,
        signed_in_account=signed_in_account,
    )
    unanswered = (
        *(Unanswered(system=System.OFFER, problem=each) for each in known.problems),
        *unanswered,
    )
    causes = diagnose(snapshot)
    if as_json:
        print(json.dumps(to_json_data(snapshot, causes, unanswered), indent=2))
    else:
        common.console.print(diagnosis_text(snapshot, causes), soft_wrap=True)
        for each in unanswered:
            print_error(f"Not known: {each.system} ({each.problem})")
    exit_process(common.FAILURE if unanswered else common.SUCCESS)
