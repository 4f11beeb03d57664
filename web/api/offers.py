"""Offers: list, show, check and create them."""

import base64
import binascii
from bisect import bisect_right
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from client.offer_client import KnownOffer, NoAnswer
from client.record_data import record_data
from offers.ids import InvalidOpportunityId, parse_offer_path
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.record import OfferRecord
from offers.payouts.refund import RefundStatus
from offers.policy.policy import FINANCE
from offers.stage import Stage
from web.actions import Button, buttons
from web.api.bodies import Answer as ChangeAnswer
from web.api.bodies import (
    NewOffer,
    NewOfferOrAgain,
    Offers,
    PossibleAction,
    Preflight,
    ShownOffer,
    ToDecide,
)
from web.api.call import ApiRoute, CurrentCaller, CurrentReader, GivenPath, named, require
from web.api.changes import answer, url_of
from web.api.examples import ANSWERED, LISTED, PREFLIGHTED, SHOWN
from web.api.problem import described
from web.console import Console
from web.identity import Actor
from web.pages.approvals import why_not_theirs
from web.pages.board import row_filter, selection_of
from web.pages.page import CurrentConsole
from web.permissions import Permission, moves_ownership
from web.reader import FOR_PROGRAMS
from web.rejection import Rejection, rejection_of
from web.requested import opportunity_of, path_of

router = APIRouter(prefix="/offers", tags=["offers"], route_class=ApiRoute)

MOST_LISTED = 200

Filter = Annotated[str, Query(max_length=200)]


@router.get("", responses=LISTED | described(401, 403, 422, 429, 503))
async def list_offers(
    _: CurrentReader,
    console: CurrentConsole,
    *,
    stage: Stage | None = None,
    owner: Annotated[Filter, Query(description="A part of the owner's name or address")] = "",
    attention: Annotated[
        Filter,
        Query(
            description="Only offers with this attention; `any`: with one",
            json_schema_extra={"enum": ["any", *AttentionCode]},
        ),
    ] = "",
    expiring: Annotated[
        Filter,
        Query(description="The last day is within so many days (7d) or weeks (2w)"),
    ] = "",
    q: Annotated[Filter, Query(description="Words that the row has")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    cursor: Annotated[Filter, Query(description="`next` of the page before")] = "",
) -> Offers:
    """List offers, by id.

    No offer is skipped or shown twice when others are created or change between two pages.
    """
    selection, needing = selection_of(stage or "", attention, owner, expiring)
    reading = await console.reader.known(FOR_PROGRAMS)
    is_found = row_filter(reading, selection, q, console.now(), needing=needing)
    start = bisect_right(reading.by_id, _position(cursor), key=lambda row: row.opportunity_id)
    found = filter(is_found, islice(reading.by_id, start, None))
    rows = list(islice(found, limit + 1))
    following = _cursor(rows[limit - 1].opportunity_id) if len(rows) > limit else None
    return Offers(offers=rows[:limit], next=following, problem=console.reader.problem)


def _cursor(path: str) -> str:
    return base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")


def _position(cursor: str) -> str:
    """The path of the last offer that was shown; raises Rejection (422)."""
    if not cursor:
        return ""
    try:
        path = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
        if parse_offer_path(path) == path:
            return path
    except (binascii.Error, ValueError, InvalidOpportunityId):
        pass
    raise Rejection(
        422, "value-invalid", "it is no cursor", "Send `next` of the page before", field="cursor"
    )


@router.post(
    "",
    status_code=201,
    # The offer's workflow has the opportunity's id: nothing else is needed to find it again.
    dependencies=[Depends(named)],
    response_model=ChangeAnswer,
    responses={
        **ANSWERED,
        200: ANSWERED[200] | {"description": "There is one already: the same offer"},
        201: ANSWERED[200] | {"description": "Created"},
        **described(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    },
)
async def create_offer(
    actor: CurrentCaller, console: CurrentConsole, body: NewOfferOrAgain
) -> Response:
    """Create the offer of an opportunity.

    There is one for each opportunity: the same call again gives the same offer. It waits some
    seconds for the draft.
    """
    opportunity_id = opportunity_of(body.opportunity)
    changes = TermChanges(terms=body.terms, method=body.method)
    if unknown := changes.unknown_field():
        raise Rejection(
            422,
            "unknown-term",
            "there is no such term",
            "Correct its name",
            field=f"terms.{unknown[:100]}",
        )
    await _require_create(console, actor, opportunity_id, body)
    console.audit("create", actor, offer=opportunity_id)
    client = console.client(actor)

    async def create() -> tuple[bool, OfferRecord | None]:
        created = await client.create(
            opportunity_id, body.terms, method=body.method, restart=body.restart
        )
        try:
            return created, await client.drafted(opportunity_id)
        except NoAnswer:  # it is started, and goes on once a worker runs
            return created, None

    created, record = await console.finish_soon(create()) or (True, None)
    return answer(opportunity_id, record, status=201 if created else 200)


async def _require_create(
    console: Console, actor: Actor, opportunity_id: str, body: NewOfferOrAgain
) -> None:
    """Raises Rejection (403).  Who owns an opportunity without an offer, only Salesforce knows."""
    if body.restart:  # an offer that is open is amended then
        await require(console, actor, Permission.AMEND, opportunity_id)
    is_owners = actor.may(Permission.CREATE, console.policy, actor.email)
    is_given = moves_ownership(body.terms)  # whose it is says Salesforce, not the caller
    if actor.may(Permission.CREATE, console.policy) or is_given or not is_owners:
        console.require(actor, Permission.CREATE)
        return
    preview = await console.preflight(actor, opportunity_id, body.terms, body.method)
    owner = preview.report.owner
    console.require(actor, Permission.CREATE, owner.owner_email if owner else None)


preflight_router = APIRouter(prefix="/preflight", tags=["offers"], route_class=ApiRoute)


@preflight_router.post(
    "", responses=PREFLIGHTED | described(401, 403, 404, 413, 415, 422, 429, 503)
)
async def preflight(actor: CurrentCaller, console: CurrentConsole, body: NewOffer) -> Preflight:
    """Check a deal; nothing is created or written anywhere. It may take half a minute."""
    opportunity_id = opportunity_of(body.opportunity)
    console.require(actor, Permission.PREFLIGHT)
    console.audit("preflight", actor, offer=opportunity_id)
    preview = await console.preflight(actor, opportunity_id, body.terms, body.method)
    report = preview.report
    return Preflight(
        refuses=report.has_refusal,
        findings=list(report.findings),
        company=report.company,
        terms=report.terms.model_dump(mode="json") if report.terms else None,
        sources=preview.sources,
    )


@router.get("/{offer:offer}", responses=SHOWN | described(401, 403, 404, 422, 429, 503))
async def show_offer(offer: GivenPath, actor: CurrentReader, console: CurrentConsole) -> ShownOffer:
    """Show everything about an offer, what can be done with it now, and what is to be decided.

    The path of an amendment is the opportunity's id, `/amendment/` and its number.
    """
    path = path_of(offer)
    client = console.client(actor)
    known = await client.known(path)
    if known.unreadable:
        raise known.unreadable
    if known.record is None:
        raise rejection_of(NoAnswer("; ".join(known.problems)))
    record = await client.with_amendments(known.record)
    return ShownOffer.model_validate(
        _without_proofs(record_data(record))
        | {
            "url": url_of(path),
            "is_open": known.is_followed,
            "problems": known.problems,
            "actions": _actions(console, actor, known, record),
            "to_decide": to_decide(console, actor, record) if known.is_followed else [],
        }
    )


def _without_proofs(data: dict[str, Any]) -> dict[str, Any]:
    """Signatures of decisions are for whoever audits them, in Temporal."""
    for each in (*data["decisions"], *data["refunds"]):
        each.pop("proof")
    return data


OPERATIONS = {
    ActionKind.REFUND: "refunds",
    ActionKind.START_AGAIN: None,
}
"""The last part of an action's address, where it is not the action's own name; None: it has
none of its own."""


def _actions(
    console: Console, actor: Actor, known: KnownOffer, record: OfferRecord
) -> list[PossibleAction]:
    can, cannot = buttons(console, actor, record, is_open=known.is_followed)
    return [_action(record, each) for each in (*can, *cannot)]


def _action(record: OfferRecord, button: Button) -> PossibleAction:
    operation = OPERATIONS.get(button.kind, button.kind.value)
    return PossibleAction(
        kind=button.kind,
        title=button.title,
        effect=button.effect,
        possible=button.why_not is None,
        why_not=button.why_not,
        url=f"{url_of(record.path)}/{operation}" if operation else url_of(""),
    )


def to_decide(console: Console, actor: Actor, record: OfferRecord) -> list[ToDecide]:
    """The exceptions and refunds that wait, each with what a decision about it must name."""
    exceptions = [
        ToDecide(
            finding=record.approval_reference(each),
            deal=record.deal.digest,
            problem=str(each),
            role=each.role,
            why_not=why_not_theirs(console, actor, record, each.role),
        )
        for each in record.awaiting_approval
    ]
    refunds = [
        ToDecide(
            finding=each.reference,
            deal=each.digest,
            problem=f"a refund of {each.amount} before tax of invoice {each.invoice_id}",
            role=FINANCE,
            why_not=why_not_theirs(console, actor, record, FINANCE, asked_by=each.requested_by),
        )
        for each in record.refunds
        if each.status is RefundStatus.AWAITING_APPROVAL
    ]
    return exceptions + refunds
