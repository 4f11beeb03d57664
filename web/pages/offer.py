"""One offer: where it is in its life, what it waits for, and what can be done now."""

import uuid
from datetime import datetime
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from client.offer_client import KnownOffer
from client.offer_facts import facts_of, facts_of_terms
from client.sent_mails import SentMail
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.clazar_field_sheet import field_sheet
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.summary import wait_of
from offers.stage import Stage
from web.actions import PERMISSIONS, TITLES, buttons
from web.console import ANSWER_WITHIN
from web.pages.approvals import refunds_to_decide
from web.pages.page import CurrentActor, CurrentConsole, SentForm, go_to, render
from web.permissions import moves_ownership
from web.reader import Reading, for_approvers
from web.rejection import Rejection
from web.requested import changes_of, path_of, perform

router = APIRouter(include_in_schema=False)

WAY = (
    Stage.DRAFT,
    Stage.SUBMITTED,
    Stage.GENERATING,
    Stage.LIVE,
    Stage.SHARED,
    Stage.ACCEPTED,
    Stage.DISBURSED,
)
"""The stages of an offer that goes well."""


class Step(NamedTuple):
    """A stage in the picture of an offer's life."""

    stage: Stage
    at: datetime | None
    """When it was entered last (UTC business time); None: it was not, or not since."""
    state: str
    """`done`, `now` or `to come`."""


def life_of(record: OfferRecord) -> list[Step]:
    """The stages passed, the one that it is in, and those to come if all goes well."""
    entered = {entry.stage: entry.at for entry in record.history}
    now = record.stage
    if now in WAY:
        here = WAY.index(now)
        return [
            Step(
                stage,
                entered.get(stage) if index <= here else None,
                "now" if index == here else "done" if index < here else "to come",
            )
            for index, stage in enumerate(WAY)
        ]
    last = max((WAY.index(stage) for stage in entered if stage in WAY), default=0)
    passed = [Step(stage, entered.get(stage), "done") for stage in WAY[: last + 1]]
    return [*passed, Step(now, entered.get(now), "now")]


@router.get("/offers/{path:path}")
async def show(
    request: Request, path: str, actor: CurrentActor, console: CurrentConsole
) -> Response:
    """The page of an offer."""
    path = path_of(path)
    reading = console.reader.reading
    known = await console.client(actor).known(path, ANSWER_WITHIN)
    if known.record is None:
        return render(
            request,
            "offer_unanswered.html",
            actor,
            known=known,
            offer=path,
            live=f"/events?offer={path}",
            reading=reading,
        )
    mails = await console.client(actor).sent_mails(path, known.record.clock)
    return _page(request, actor, console, known, known.record, mails, reading)


def _page(  # noqa: PLR0917
    request: Request,
    actor: CurrentActor,
    console: CurrentConsole,
    known: KnownOffer,
    record: OfferRecord,
    mails: list[SentMail],
    reading: Reading,
) -> Response:
    can, cannot = buttons(console, actor, record, is_open=known.is_followed)
    codes = {attention.code for attention in record.attentions}
    waits_for, waits_until = wait_of(record)
    shown = {label for label, _ in facts_of_terms(record.terms)}
    return render(
        request,
        "offer.html",
        actor,
        record=record,
        known=known,
        life=life_of(record),
        mails=mails,
        # Sent twice, it asks for one refund.
        refund_token=uuid.uuid4(),
        waits_for=waits_for if known.is_followed else None,
        waits_until=waits_until,
        terms=facts_of_terms(record.terms),
        facts=[
            (label, value)
            for label, value in facts_of(record)
            if label not in shown | {"Stage", "Company", "Opportunity", "History", "Approved"}
        ],
        can=can,
        cannot=cannot,
        attentions=record.attentions if known.is_followed else (),
        # Whether that page has it, and somebody can decide about it.
        to_decide=not codes.isdisjoint(for_approvers(console.policy))
        and (record.awaiting_approval or refunds_to_decide(record)),
        field_sheet=(
            field_sheet(record.terms)
            if record.terms and AttentionCode.AWAITING_CLAZAR_OFFER in codes
            else ()
        ),
        live=f"/events?offer={record.path}",
        reading=reading,
    )


@router.post("/offers/{path:path}")
async def act(
    request: Request,
    path: str,
    actor: CurrentActor,
    console: CurrentConsole,
    form: SentForm,
) -> Response:
    """Do what a button of the page says."""
    path = path_of(path)
    kind = _kind(form.get("action", ""))
    client = console.client(actor)
    known = await client.known(path, ANSWER_WITHIN)
    owner = known.summary.deal.owner
    terms = changes_of(form.get("changes", ""))
    if moves_ownership(terms):
        owner = None
    console.require(actor, PERMISSIONS[kind], owner.owner_email if owner else None)
    if kind is ActionKind.REFUND and form.get("confirm", "") != form.get("amount", ""):
        raise Rejection(
            422,
            "not-confirmed",
            "the amount was not repeated",
            "Write it twice: AWS cannot take a refund back",
            field="confirm",
        )
    console.audit(kind.value, actor, offer=path)
    record = await console.finish_soon(perform(client, path, kind, form, actor.by))
    if record is None:
        message = f"{TITLES[kind]}: it was asked for, and takes some minutes. The page shows it."
    elif kind is ActionKind.REFUND:
        message = "Refund: it was asked for, and finance approves it."
    else:
        message = f"{TITLES[kind]}: done. The offer is {record.stage}."
    target = record.path if record else path
    return go_to(request, f"/offers/{target}", message)


def _kind(text: str) -> ActionKind:
    try:
        kind = ActionKind(text)
        PERMISSIONS[kind]
    except (ValueError, KeyError):
        raise Rejection(404, "no-such-action", "there is no such action") from None
    return kind
