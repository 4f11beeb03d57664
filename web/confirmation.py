"""The page on which a buyer confirms the AWS account: the only one that is for strangers.

Whoever has the link of a mail can answer once.  Everybody else gets the same page, whatever is
wrong with their link.  Opening the page changes nothing: mail scanners open links.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from limits import RateLimitItemPerMinute
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from temporalio.service import RPCError

from client.offer_client import NoAnswer, OfferClient, RequestRejected
from offers.diagnosis.sentences import BUYER_PERMISSION
from offers.findings import findings_in
from offers.lifecycle.account_confirmation import AccountAnswer
from offers.lifecycle.confirmation_link import PATH, ConfirmationToken, InvalidLink
from offers.lifecycle.guards import why_cannot_confirm_account
from offers.lifecycle.record import OfferRecord
from runtime.codec import UNREADABLE
from web.console import Console
from web.pages.page import CurrentConsole, templates
from web.rejection import Rejection
from web.requests import address_of

BY_ADDRESS = RateLimitItemPerMinute(30)
BY_LINK = RateLimitItemPerMinute(10)

LONGEST_ANSWER = 500
"""Characters, as the field of the page allows."""

router = APIRouter(include_in_schema=False)


class NotUsable(Exception):
    """A link cannot be used, for whatever reason."""


class BusyNow(Exception):
    """The offer does not answer in time, or somebody asks too often."""


async def token_of(request: Request, token: str, console: CurrentConsole) -> ConfirmationToken:
    """What the link says; raises NotUsable or BusyNow."""
    address = address_of(request, console.settings.offers_web_proxies)
    await _count(console, BY_ADDRESS, "confirmation by address", address)
    links = console.settings.confirmation_links
    if links is None:
        raise NotUsable
    try:
        found = links.read(token, console.now())
    except InvalidLink:
        raise NotUsable from None
    await _count(console, BY_LINK, "confirmation by link", found.nonce)
    return found


async def _count(console: Console, limit: RateLimitItemPerMinute, *sender: str) -> None:
    try:
        await console.limits.count(limit, *sender)
    except Rejection:
        raise BusyNow from None


Token = Annotated[ConfirmationToken, Depends(token_of)]


def _client(console: Console) -> OfferClient:
    return OfferClient(console.temporal, console.settings.clock)


async def _record(console: Console, token: ConfirmationToken) -> OfferRecord:
    """The offer, if it waits for the buyer's answer by this link; raises NotUsable or BusyNow."""
    try:
        shown = await _client(console).show(token.offer)
    except (NoAnswer, RPCError, *UNREADABLE):
        raise BusyNow from None
    except RequestRejected:
        raise NotUsable from None
    record = shown.record
    now = record.clock.business_time(datetime.now(UTC))
    if not shown.is_open or why_cannot_confirm_account(record, token.nonce, now, None):
        raise NotUsable
    return record


@router.get(PATH + "{token}")
async def question(token: Token, console: CurrentConsole) -> Response:
    """The checklist, and the question for the account."""
    return _page("question", record=await _record(console, token))


@router.post(PATH + "{token}")
async def answer(request: Request, token: Token, console: CurrentConsole) -> Response:
    """What follows from the answer; what is no account is asked for again.

    The form needs no token of a session: whoever can send it has the link.
    """
    record = await _record(console, token)
    sent = (await request.form(max_files=0, max_fields=10)).get("account", "")
    account = sent if isinstance(sent, str) else ""
    try:
        given = AccountAnswer.model_validate({"nonce": token.nonce, "accounts": account})
    except ValidationError as error:
        problem = findings_in(error)[0].problem
        return _page(
            "question", 422, record=record, problem=problem, given=account[:LONGEST_ANSWER]
        )
    try:
        confirmation = await _client(console).confirm_account(token.offer, given)
    except (NoAnswer, RPCError, *UNREADABLE):
        raise BusyNow from None
    except RequestRejected:
        raise NotUsable from None
    outcome = "confirmed" if confirmation.matches else "differs"
    return _page(outcome, record=record, given=", ".join(confirmation.given))


def _page(
    what: str, status: int = 200, record: OfferRecord | None = None, **shown: Any
) -> Response:
    """Nothing of the offer but who sells what."""
    page = templates.get_template("confirmation.html").render(
        what=what,
        seller=record.policy.seller_name if record else None,
        product=record.policy.product_name if record else None,
        support=record.policy.support_contact if record else None,
        permission=BUYER_PERMISSION,
        **{"problem": None, "given": ""} | shown,
    )
    # The address is a secret: no other page is told of it.
    headers = {"x-robots-tag": "noindex", "referrer-policy": "no-referrer"}
    return HTMLResponse(page, status, headers=headers)


async def not_usable(_request: Request, _error: Exception) -> Response:
    """The same page for every link that cannot be used."""
    return _page("not-usable", 404)


async def busy_now(_request: Request, _error: Exception) -> Response:
    """To try again."""
    response = _page("busy", 503)
    response.headers["retry-after"] = "60"
    return response


ERROR_PAGES = {NotUsable: not_usable, BusyNow: busy_now}
