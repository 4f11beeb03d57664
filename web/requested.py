"""Reads what a form asks for into the requests that the offers take."""

import uuid
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from client.changes import InvalidChange, parse_change
from client.offer_client import OfferClient
from offers.agreements.agreement import CancellationRequestInput
from offers.findings import findings_in
from offers.ids import InvalidOpportunityId, parse_pasted_path
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.payouts.refund import RefundRequest
from web.rejection import Rejection

ModelT = TypeVar("ModelT", bound=BaseModel)

MOST_CHANGES = 100
REFUNDS = uuid.UUID("0d7f4c1e-9c83-5f0e-8f39-2b6f3b6f7a51")
"""Of the tokens of refunds (RFC 9562, version 5)."""


def path_of(text: str) -> str:
    """The offer that people mean by what they paste; raises Rejection (422)."""
    try:
        return parse_pasted_path(text)
    except InvalidOpportunityId as error:
        raise Rejection(422, "offer-id-invalid", str(error), field="offer") from None


def opportunity_of(text: str) -> str:
    """The opportunity that people mean by what they paste; raises Rejection (422)."""
    opportunity_id, _, amendment = path_of(text).partition("/")
    if amendment:
        raise Rejection(
            422,
            "offer-id-invalid",
            "it is an amendment",
            f"Give its opportunity, {opportunity_id}",
            field="opportunity",
        )
    return opportunity_id


def read(kind: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """A request from its values; raises Rejection (422), which names the field and the remedy."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        finding = findings_in(error)[0]
        raise Rejection(
            422, "value-invalid", finding.problem, finding.remedy, field=finding.field
        ) from None


def changes_of(text: str) -> dict[str, Any]:
    """Terms from lines like NAME=VALUE; raises Rejection (422)."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_CHANGES:
        raise Rejection(
            422, "value-invalid", "there are too many lines", "Give fewer", field="changes"
        )
    try:
        return dict(map(parse_change, lines))
    except InvalidChange as error:
        raise Rejection(422, "value-invalid", str(error), field="changes") from None


async def perform(  # noqa: PLR0911  # one return per action
    client: OfferClient, path: str, kind: ActionKind, values: Mapping[str, str], by: str | None
) -> OfferRecord:
    """Do what a form of an offer's page asks for; raises Rejection, RequestRejected."""
    match kind:
        case ActionKind.REVISE:
            changes = read(TermChanges, {"terms": changes_of(values.get("changes", ""))})
            return await client.revise(path, changes)
        case ActionKind.AMEND:
            changes = read(TermChanges, {"terms": changes_of(values.get("changes", ""))})
            return await client.amend(path, changes)
        case ActionKind.EXTEND:
            months = values.get("months") or None
            given = {"until": values.get("until", ""), "duration_months": months}
            return await client.extend(path, read(Extension, given))
        case ActionKind.CANCEL:
            return await client.cancel(path, values.get("reason", ""))
        case ActionKind.REQUEST_CANCELLATION:
            given = {"reason_code": values.get("reason_code"), "message": values.get("text", "")}
            return await client.request_cancellation(path, read(CancellationRequestInput, given))
        case ActionKind.LINK_OFFER:
            return await client.link_offer(path, values.get("offer_id", ""))
        case ActionKind.REFUND:
            return await client.request_refund(path, refund_of(values, by))
        case ActionKind.RESUME:
            return await client.resume(path, values.get("attention") or None)
        case ActionKind.RESEND:
            return await client.resend(path)
        case ActionKind.START_AGAIN:
            return await client.start(opportunity_of(path), restart=True)
        case _:
            raise Rejection(404, "no-such-action", f"there is no action {kind}")


def _token(values: Mapping[str, str]) -> str:
    """By which AWS refunds once: another for each refund, also of a form that was sent twice."""
    asked = " ".join(values.get(name, "") for name in ("token", "invoice", "amount", "reason"))
    token = uuid.uuid5(REFUNDS, asked) if values.get("token") else uuid.uuid4()
    return f"refund-{token}"


def refund_of(values: Mapping[str, str], by: str | None) -> RefundRequest:
    """A refund; its token is made here unless the form has one already."""
    return read(
        RefundRequest,
        {
            "invoice_id": values.get("invoice", ""),
            "amount": values.get("amount", ""),
            "reason": values.get("reason", ""),
            "description": values.get("description") or None,
            "by": by or "",
            "token": _token(values),
        },
    )
