"""Commands that change an offer in AWS: cancel, extend, amend."""

from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from cli import common
from cli.common import AsJson, NamedChanges, Offer, TermsFile, Yes, command
from cli.terminal import print_error
from client.offer_client import OfferClient
from offers.agreements.agreement import CancellationReasonCode, CancellationRequestInput
from offers.findings import findings_in
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.guards import CAN_BE_ACCEPTED, is_in_place_edit, why_cannot_amend
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.summary import AGREED
from offers.policy.policy import CreationMethod
from offers.stage import ENDS, Stage
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
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Cancel an offer before acceptance, and wait until AWS has withdrawn it.

    After acceptance, --agreement asks the buyer to agree to the cancellation of the agreement: they
    have seven days; no answer means approval.

    Examples:

    - `offerflow cancel 006… --reason "bought elsewhere"`
    - `offerflow cancel 006… --agreement --reason-code OTHER --message "as agreed" --yes`
    """
    if agreement:
        request = _cancellation_request(reason_code, message)
        client = await common.open_offer_client()
        await _confirm_cancellation_request(client, offer, yes=yes)
        common.print_record(await client.request_cancellation(offer, request), as_json)
        return
    if reason_code or message:
        raise typer.BadParameter("--reason-code and --message need --agreement")
    client = await common.open_offer_client()
    await _confirm_cancel(client, offer, yes=yes)
    with AWS_PROGRESS:
        record = await client.cancel(offer, reason)
    common.print_record(record, as_json)
    if record.stage is not Stage.CANCELLED:
        print_error(f"too late to cancel: the offer is {record.stage}")
        exit_process(common.FAILURE)


async def _confirm_cancel(client: OfferClient, offer: str, *, yes: bool) -> None:
    if yes:
        return
    record = await client.record(offer)
    if record.stage not in (*AGREED, *ENDS):  # the rest is refused anyway, with what can be done
        question = f"Cancel {_described(record)}? The buyer can then no longer accept it."
        common.confirm(question, yes=yes, otherwise="nothing was cancelled")


async def _confirm_cancellation_request(client: OfferClient, offer: str, *, yes: bool) -> None:
    if yes:
        return
    record = await client.record(offer)
    if record.stage in AGREED:
        question = (
            f"Ask the buyer to let the agreement of {_described(record)} be cancelled?"
            " No answer within seven days means approval."
        )
        common.confirm(question, yes=yes, otherwise="the buyer was not asked")


async def _confirm_withdrawal(
    client: OfferClient, offer: str, changes: TermChanges, *, yes: bool
) -> None:
    """Ask if the changes withdraw an offer that the buyer may have."""
    if yes:
        return
    record = await client.record(offer)
    if record.stage not in CAN_BE_ACCEPTED or is_in_place_edit(record, changes):
        return
    now = client.business_time()
    if why_cannot_amend(record, changes, now, withdrawing=False, busy=None) is None:
        question = (
            f"Withdraw {_described(record)}, and create a new one with these changes?"
            " The buyer can then no longer accept the present one."
        )
        common.confirm(question, yes=yes, otherwise="nothing was changed")


def _described(record: OfferRecord) -> str:
    price = f" for {record.terms.price}" if record.terms else ""
    return f"the offer to {record.company or record.path}{price} ({record.stage})"


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
        str, typer.Option(metavar="YYYY-MM-DD", help="The new last day to accept (UTC).")
    ],
    months: Annotated[
        int | None, typer.Option(help="New duration of the contract, if it must be longer.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give the buyer more time; also possible for some days after the offer has expired.

    Examples:

    - `offerflow extend 006… --until 2027-01-31`
    """
    try:
        extension = Extension.model_validate({"until": until, "duration_months": months})
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
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Change an offer in AWS, or its agreement.

    Before acceptance, name, description, last day and contacts change in place. Any other change
    withdraws the offer and creates a new one, from the opportunity as it is now and these terms.

    The terms are `company`, `offer_name`, `description`, `price` (such as "110000.00 USD"),
    `buyer_accounts`, `product_id`, `dimensions`, `duration_months`, `starts_on`, `agreement_end`,
    `availability_end` (the last day to accept), `payment_schedule`, `net_payment_days`, `eula`,
    `renewal`; and the contacts `buyer_email`, `buyer_name`, `buyer_time_zone`, `buyer_country`,
    `owner_email`, `owner_name`, `owner_time_zone`.

    After acceptance an agreement-based offer is created. Its terms are `additional_amount` (such as
    "30000.00 USD"), `unpaid_installments` (carry or drop), `dimensions` and `agreement_end`.

    Examples:

    - `offerflow amend 006… price="110000.00 USD"`
    - `offerflow amend 006… --recreate`
    - `offerflow amend 006… additional_amount="30000.00 USD" unpaid_installments=carry`
    """
    given = TermChanges(
        terms=common.given_changes(terms, changes), method=method, recreate=recreate
    )
    client = await common.open_offer_client()
    await _confirm_withdrawal(client, offer, given, yes=yes)
    with AWS_PROGRESS:
        record = await client.amend(offer, given)
    common.print_record(record, as_json)
    if record.blocking_findings:
        exit_process(common.FAILURE)
