"""Commands that change an offer in AWS: cancel, extend, amend."""

from datetime import datetime
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from cli import common
from cli.common import AsJson, NamedChanges, Offer, TermsFile, command
from cli.terminal import print_error
from offers.agreements.agreement import CancellationReasonCode, CancellationRequestInput
from offers.findings import findings_in
from offers.lifecycle.commands import Extension, TermChanges
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from runtime.process_exit import exit_process

AWS_PROGRESS = Console(stderr=True).status("AWS takes some minutes to change an offer ...")
"""Shown on a terminal only."""


@command
async def cancel(
    offer: Offer,
    *,
    reason: Annotated[str, typer.Option(help="Why; stored with the offer.")] = "",
    agreement: Annotated[
        bool,
        typer.Option(
            "--agreement", help="After acceptance: ask the buyer to cancel the agreement."
        ),
    ] = False,
    reason_code: Annotated[
        CancellationReasonCode | None,
        typer.Option(help="AWS's reason code; required with --agreement."),
    ] = None,
    message: Annotated[
        str | None, typer.Option(help="Message to the buyer; required with --agreement.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Cancel an offer before acceptance, and wait until AWS has withdrawn it.

    After acceptance, --agreement asks the buyer to agree to the cancellation of the agreement: they
    have seven days; no answer means approval.
    """
    if agreement:
        request = _cancellation_request(reason_code, message)
        client = await common.open_offer_client()
        common.print_record(await client.request_cancellation(offer, request), as_json)
        return
    if reason_code or message:
        raise typer.BadParameter("--reason-code and --message need --agreement")
    with AWS_PROGRESS:
        record = await (await common.open_offer_client()).cancel(offer, reason)
    common.print_record(record, as_json)
    if record.stage is not Stage.CANCELLED:
        print_error(f"too late to cancel: the offer is {record.stage}")
        exit_process(common.FAILURE)


def _cancellation_request(
    reason_code: CancellationReasonCode | None, message: str | None
) -> CancellationRequestInput:
    if reason_code is None or message is None:
        raise typer.BadParameter("--agreement needs --reason-code and --message")
    try:
        return CancellationRequestInput(reason_code=reason_code, message=message)
    except ValidationError as error:
        raise typer.BadParameter("; ".join(map(str, findings_in(error)))) from None


@command
async def extend(
    offer: Offer,
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The new last day to accept (UTC).")
    ],
    months: Annotated[
        int | None, typer.Option(help="New duration of the contract, if it must be longer.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give the buyer more time; also possible for some days after the offer has expired."""
    try:
        extension = Extension(until=until.date(), duration_months=months)
    except ValidationError as error:
        raise typer.BadParameter("; ".join(map(str, findings_in(error)))) from None
    with AWS_PROGRESS:
        record = await (await common.open_offer_client()).extend(offer, extension)
    common.print_record(record, as_json)


@command
async def amend(
    offer: Offer,
    changes: NamedChanges = None,
    *,
    terms: TermsFile = None,
    method: Annotated[
        CreationMethod | None,
        typer.Option(help="Where the offer is created: aws, or clazar (by hand)."),
    ] = None,
    recreate: Annotated[
        bool,
        typer.Option(
            "--recreate", help="Create the offer again from the opportunity, even without changes."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change an offer in AWS, or its agreement.

    Before acceptance, name, description, last day and contacts change in place. Any other change
    withdraws the offer and creates a new one, from the opportunity as it is now and these terms.

    After acceptance an agreement-based offer is created. Its terms are additional_amount (such as
    "30000.00 USD"), unpaid_installments (carry or drop), dimensions and agreement_end.
    """
    given = TermChanges(
        terms=common.given_changes(terms, changes), method=method, recreate=recreate
    )
    with AWS_PROGRESS:
        record = await (await common.open_offer_client()).amend(offer, given)
    common.print_record(record, as_json)
    if record.blocking_findings:
        exit_process(common.FAILURE)
