"""Changes of an offer: each is an update of its workflow."""

import uuid
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from client.offer_client import NoAnswer, OfferClient, PreflightPending
from offers.agreements.agreement import CancellationRequestInput
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.payouts.refund import RefundRequest
from web.api.bodies import (
    Amendment,
    Answer,
    Cancel,
    Decision,
    Declined,
    LinkOffer,
    MoreTime,
    NotResumed,
    Refundable,
    RefundBody,
    RequestCancellation,
    Resume,
    ResumeAll,
    Resumed,
    Revision,
)
from web.api.call import (
    ONE_OFFER,
    UNNAMED,
    ApiRoute,
    CurrentCaller,
    CurrentName,
    GivenPath,
    Named,
    require,
)
from web.api.examples import ANSWERED, REFUNDABLE, RESUMED, URL_PREFIX
from web.api.problem import described
from web.console import Console
from web.identity import Actor
from web.pages.page import CurrentConsole
from web.permissions import Permission
from web.rejection import Rejection
from web.requested import path_of, read

ERRORS = described(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
WITHOUT_BODY = described(400, 401, 403, 404, 409, 422, 429, 503)

router = APIRouter(prefix=ONE_OFFER, tags=["changes"], route_class=ApiRoute, responses=ANSWERED)


def url_of(path: str) -> str:
    """Where an offer is shown; without a path, the list."""
    return f"{URL_PREFIX}/{path}" if path else URL_PREFIX


def answer(path: str, record: OfferRecord | None, status: int = 200) -> Response:
    """What a change led to; 202 if it takes longer."""
    if record is None:
        body = Answer(
            offer=path, url=url_of(path), done=False, stage=None, revision=None, findings=[]
        )
    else:
        body = Answer(
            offer=record.path,
            url=url_of(record.path),
            done=True,
            stage=record.stage,
            revision=record.revision,
            findings=list(record.blocking_findings),
        )
    headers = {"location": body.url} if status == 201 or record is None else None
    return JSONResponse(body.model_dump(mode="json"), status if record else 202, headers=headers)


async def change(
    console: Console,
    actor: Actor,
    offer: str,
    permission: Permission,
    work: Callable[[OfferClient, str], Coroutine[Any, Any, OfferRecord]],
    *,
    terms: Iterable[str] = (),
) -> Response:
    """Do what a call asks for if the actor may.  `terms`: the names of those that are given."""
    path = path_of(offer)
    await require(console, actor, permission, path, terms)
    console.audit(permission.value, actor, offer=path)
    try:
        record = await console.finish_soon(work(console.client(actor), path))
    except PreflightPending:
        record = None
    return answer(path, record)


@router.post("/approve", response_model=Answer, responses=ERRORS)
async def approve(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: Decision,
) -> Response:
    """Approve an exception or a refund. Only people can, with a session or a key of their own."""
    return await _decide(console, actor, offer, body, named, approved=True)


@router.post("/decline", response_model=Answer, responses=ERRORS)
async def decline(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: Declined,
) -> Response:
    """Decline an exception or a refund. Only people can, like `approve`."""
    return await _decide(console, actor, offer, body, named, approved=False)


async def _decide(
    console: Console, actor: Actor, offer: str, body: Decision, named: Named, *, approved: bool
) -> Response:
    decision = ApprovalDecision(by=actor.email or "", **body.model_dump())
    return await change(
        console,
        actor,
        offer,
        Permission.APPROVE if approved else Permission.DECLINE,
        lambda _, path: console.decide(
            actor, path, decision, approved=approved, update_id=named.update_id
        ),
    )


@router.post("/revise", response_model=Answer, responses=ERRORS)
async def revise(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: Revision,
) -> Response:
    """Change the terms of a draft, or of an offer that AWS rejected, and check them again."""
    changes = read(TermChanges, body.model_dump())
    return await change(
        console,
        actor,
        offer,
        Permission.REVISE,
        lambda client, path: client.revise(path, changes, named.update_id),
        terms=changes.terms,
    )


@router.post("/amend", response_model=Answer, responses=ERRORS)
async def amend(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: Amendment,
) -> Response:
    """Change an offer that AWS has: in place, by another offer, or by an amended agreement."""
    changes = read(TermChanges, body.model_dump())
    return await change(
        console,
        actor,
        offer,
        Permission.AMEND,
        lambda client, path: client.amend(path, changes, named.update_id),
        terms=changes.terms,
    )


@router.post("/extend", response_model=Answer, responses=ERRORS)
async def extend(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: MoreTime,
) -> Response:
    """Give the buyer more time; also possible for some days after the offer has expired."""
    extension = read(Extension, body.model_dump())
    return await change(
        console,
        actor,
        offer,
        Permission.EXTEND,
        lambda client, path: client.extend(path, extension, named.update_id),
    )


@router.post("/cancel", response_model=Answer, responses=ERRORS)
async def cancel(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: Cancel,
) -> Response:
    """Cancel an offer before its acceptance, so that nobody can accept it."""
    return await change(
        console,
        actor,
        offer,
        Permission.CANCEL,
        lambda client, path: client.cancel(path, body.reason, named.update_id),
    )


@router.post("/request-cancellation", response_model=Answer, responses=ERRORS)
async def request_cancellation(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: RequestCancellation,
) -> Response:
    """Ask the buyer to agree to the end of the agreement."""
    request = read(CancellationRequestInput, body.model_dump())
    return await change(
        console,
        actor,
        offer,
        Permission.REQUEST_CANCELLATION,
        lambda client, path: client.request_cancellation(path, request, named.update_id),
    )


@router.post("/link-offer", response_model=Answer, responses=ERRORS)
async def link_offer(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: LinkOffer,
) -> Response:
    """Name the offer that was created in Clazar."""
    return await change(
        console,
        actor,
        offer,
        Permission.LINK_OFFER,
        lambda client, path: client.link_offer(path, body.offer_id, named.update_id),
    )


@router.post("/resume", response_model=Answer, responses=ERRORS)
async def resume(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: Resume,
) -> Response:
    """Let an offer continue after what it waits for is resolved."""
    return await change(
        console,
        actor,
        offer,
        Permission.RESUME,
        lambda client, path: client.resume(path, body.attention, named.update_id),
    )


@router.post("/resend", response_model=Answer, responses=WITHOUT_BODY)
async def resend(
    offer: GivenPath, actor: CurrentCaller, console: CurrentConsole, named: CurrentName
) -> Response:
    """Send the offer to the buyer again."""
    return await change(
        console,
        actor,
        offer,
        Permission.RESEND,
        lambda client, path: client.resend(path, named.update_id),
    )


@router.post("/refunds", response_model=Answer, responses=ERRORS)
async def request_refund(
    offer: GivenPath,
    actor: CurrentCaller,
    console: CurrentConsole,
    named: CurrentName,
    body: RefundBody,
) -> Response:
    """Ask for a refund, which somebody else who holds the role finance approves."""
    request = _refund(body, actor, named)
    return await change(
        console,
        actor,
        offer,
        Permission.REFUND,
        lambda client, path: client.request_refund(path, request),
    )


reads = APIRouter(prefix=ONE_OFFER, tags=["changes"], route_class=ApiRoute)


@reads.post("/refunds/check", responses=REFUNDABLE | ERRORS)
async def check_refund(
    offer: GivenPath, actor: CurrentCaller, console: CurrentConsole, body: RefundBody
) -> Refundable:
    """Ask AWS what of an invoice can be refunded; nothing is changed."""
    path, request = path_of(offer), _refund(body, actor, UNNAMED)
    await require(console, actor, Permission.REFUND, path)
    console.audit("check refund", actor, offer=path)
    found = await console.finish_soon(console.client(actor).check_refund(path, request))
    if found is None:
        raise NoAnswer("AWS has not said yet what can be refunded")
    return Refundable.model_validate(found.model_dump())


def _refund(body: RefundBody, actor: Actor, named: Named) -> RefundRequest:
    # By the key alone: whatever the body is, AWS refunds once for it.
    token = f"refund-{named.key or uuid.uuid4()}"
    return read(RefundRequest, body.model_dump() | {"by": actor.by or "", "token": token})


for_all = APIRouter(prefix="/resume-all", tags=["changes"], route_class=ApiRoute)


@for_all.post("", response_model=Resumed, responses=RESUMED | ERRORS)
async def resume_all(
    actor: CurrentCaller, console: CurrentConsole, named: CurrentName, body: ResumeAll
) -> Response:
    """Resume every offer that waits for the same: an attention, or what a vendor caused."""
    console.require(actor, Permission.RESUME_ALL)
    if body.attention is None and body.vendor is None:
        raise Rejection(
            422, "value-invalid", "nothing is named", "Give attention or vendor", field="attention"
        )
    client = console.client(actor)
    found = await client.list_resumable(body.attention, body.vendor)
    console.audit("resume all", actor, attention=body.attention, vendor=body.vendor)
    rejected = await console.finish_soon(client.resume_all(found, named.id))
    resumed = [] if rejected is None else [each for each in found if each not in rejected]
    body_sent = Resumed(
        found=len(found),
        done=rejected is not None,
        resumed=sorted({each.path for each in resumed}),
        rejected=[
            NotResumed(offer=each.path, attention=each.code, problem=problem)
            for each, problem in (rejected or {}).items()
        ],
    )
    location = {"location": f"{url_of('')}?attention={body.attention or 'any'}"}
    return JSONResponse(
        body_sent.model_dump(mode="json"),
        202 if rejected is None else 200,
        headers=location if rejected is None else None,
    )
