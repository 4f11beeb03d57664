"""The command that asks for a refund."""

import sys
import uuid
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from cli import common
from cli.common import AsJson, By, Offer, command
from cli.tables import refund_preview
from offers.findings import findings_in
from offers.money import GivenMoney, Money
from offers.payouts.refund import RefundReason, RefundRequest


@command
async def refund(
    offer: Offer,
    *,
    invoice: Annotated[str, typer.Option(help="Id of the invoice, as payouts shows it.")],
    amount: Annotated[str, typer.Option(help='Before tax, such as "4000.00 USD".')],
    reason: Annotated[RefundReason, typer.Option(help="AWS's reason code.")],
    by: By,
    description: Annotated[
        str | None, typer.Option(help="Why; AWS keeps it with the refund.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only ask AWS what can be refunded.")
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option(help="The amount once more, instead of typing it on the terminal."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Refund a part of an invoice to the buyer, once finance has approved it.

    AWS is asked first what can be refunded, and the amount is asked back, because AWS cannot take a
    refund back. The buyer is not asked. Somebody else who holds the role finance approves it by
    `approve` with `--finding refund-1`.

    Examples:

    - `offerflow refund 006… --invoice INV-1 --amount "4000.00 USD" --reason OTHER --by
      you@example.com --dry-run`
    """
    request = _request(invoice, amount, reason, by, description)
    client = await common.open_offer_client(by=by)
    found = await client.check_refund(offer, request)
    if not as_json:
        common.console.print(refund_preview(request, found))
    if dry_run:
        if as_json:
            print(found.model_dump_json(indent=2))
        return
    _confirm(request.amount, confirm)
    common.print_record(await client.request_refund(offer, request), as_json)


def _request(
    invoice: str, amount: str, reason: RefundReason, by: str, description: str | None
) -> RefundRequest:
    try:
        return RefundRequest.model_validate(
            {
                "invoice_id": invoice,
                "amount": amount,
                "reason": reason,
                "description": description,
                "by": by,
                "token": f"refund-{uuid.uuid4()}",
            }
        )
    except ValidationError as error:
        raise typer.BadParameter("; ".join(map(str, findings_in(error)))) from None


def _confirm(amount: Money, given: str | None) -> None:
    """Raises BadParameter unless the amount was given twice."""
    if given is None and not sys.stdin.isatty():
        raise typer.BadParameter(f'--confirm: a refund cannot be taken back; add "{amount}"')
    if given is None:
        given = typer.prompt("AWS cannot take it back. Type the amount to go on", err=True)
    try:
        confirmed = TypeAdapter(GivenMoney).validate_python(given)
    except ValidationError as error:
        (finding,) = findings_in(error)
        raise typer.BadParameter(f"--confirm: {finding.problem}. {finding.remedy}") from None
    if confirmed != amount:
        raise typer.BadParameter(f"--confirm: {confirmed} is not {amount}; nothing was refunded")
