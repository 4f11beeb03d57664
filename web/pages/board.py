"""The board: every offer, what needs somebody first; and the events that keep pages live."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter
from pydantic import ValidationError
from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from client.listing import OfferRow
from client.offer_selection import OfferSelection, parse_period, searchable
from offers.findings import findings_in
from offers.ids import InvalidOpportunityId, parse_pasted_path
from offers.lifecycle.summary import Wait
from offers.stage import Stage
from offers.text import day_text
from web.pages.page import CurrentActor, CurrentConsole, render
from web.reader import Reading
from web.rejection import Rejection
from web.sign_in import signed_in

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 100
CARDS_EACH = 12
"""Of each stage on the board."""
MOST_BROWSERS = 1000
"""Open pages that are kept live at the same time."""
READ_AGAIN_MS = 20
"""Between two of the browsers that read again, on average."""
EVENT_EVERY = timedelta(seconds=20)
"""The longest time without an event: proxies close silent connections."""


class Column(NamedTuple):
    """By which a table can be sorted."""

    title: str
    key: Callable[[OfferRow], Any]


def _price(row: OfferRow) -> tuple[str, Decimal]:
    return (row.price.currency, row.price.amount) if row.price else ("", Decimal())


COLUMNS: dict[str, Column] = {
    "offer": Column("Offer", lambda row: row.opportunity_id),
    "company": Column("Company", lambda row: (row.company or "").casefold()),
    "price": Column("Price", _price),
    "owner": Column("Owner", lambda row: (row.owner_name or row.owner_email or "").casefold()),
    "stage": Column("Stage", lambda row: list(Stage).index(Stage(row.stage))),
    "since": Column("Since", lambda row: str(row.since or "")),
    "last_day": Column("Last day", lambda row: str(row.last_day or "9999")),
}


def waits_for(row: OfferRow) -> str:
    """What an offer waits for, and until which day (UTC)."""
    if row.waits_for is None:
        return ""
    until = f" until {day_text(row.waits_until)}" if row.waits_until else ""
    return "" if row.waits_for is Wait.ACTION and row.attentions else f"{row.waits_for}{until}"


def row_filter(
    reading: Reading, selection: OfferSelection, text: str, now: datetime, *, needing: bool
) -> Callable[[OfferRow], bool]:
    """Whether a row is of the selection and has each word; `needing`: only what needs somebody."""
    words = searchable(text).split()
    selects = selection != OfferSelection()

    def is_found(row: OfferRow) -> bool:
        if (needing and not row.attention) or (selects and not selection.includes(row, now)):
            return False
        return not words or all(word in reading.texts[row.opportunity_id] for word in words)

    return is_found


@router.get("/")
async def board(  # noqa: PLR0917  # each is a part of the address
    request: Request,
    actor: CurrentActor,
    console: CurrentConsole,
    view: str = "table",
    q: str = "",
    stage: str = "",
    owner: str = "",
    attention: str = "",
    expiring: str = "",
    sort: str = "",
    page: int = 1,
) -> Response:
    """Every offer that is asked for."""
    asked = {
        "view": view,
        "q": q,
        "stage": stage,
        "owner": owner,
        "attention": attention,
        "expiring": expiring,
        "sort": sort,
    }
    asked = {name: value[:200] for name, value in asked.items() if value and value != "table"}
    if len(q) > 15 and (path := _pasted(q)):
        return RedirectResponse(f"/offers/{path}", 303)
    reading = await console.reader.current()
    selection, needing = selection_of(stage, attention, owner, expiring)
    is_found = row_filter(reading, selection, q[:200], console.now(), needing=needing)
    rows = list(filter(is_found, reading.rows))
    if (column := COLUMNS.get(sort.removeprefix("-"))) is not None:
        rows = sorted(rows, key=column.key, reverse=sort.startswith("-"))
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    page = min(max(page, 1), pages)
    return render(
        request,
        "board.html",
        actor,
        rows=rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        stages=_by_stage(rows) if view == "stages" else [],
        found=len(rows),
        total=len(reading.rows),
        page=page,
        pages=pages,
        view=view,
        asked=asked,
        columns=COLUMNS,
        sort=sort,
        waits_for=waits_for,
        attentions=reading.attentions,
        address=lambda **changed: _address(asked, changed),
        live="/events",
        reading=reading,
    )


def _pasted(text: str) -> str | None:
    try:
        return parse_pasted_path(text)
    except InvalidOpportunityId:
        return None


def selection_of(
    stage: str, attention: str, owner: str, expiring: str
) -> tuple[OfferSelection, bool]:
    """What is asked for; and whether only what needs somebody."""
    any_attention = attention == "any"
    try:
        return OfferSelection.model_validate(
            {
                "stage": stage or None,
                "attention": None if any_attention else attention or None,
                "owner": owner or None,
                "expiring": parse_period(expiring) if expiring else None,
            }
        ), any_attention
    except ValidationError as error:
        finding = findings_in(error)[0]
        raise Rejection(
            422, "filter-invalid", finding.problem, finding.remedy, field=finding.field
        ) from None
    except ValueError:
        raise Rejection(
            422,
            "filter-invalid",
            "it is no number of days or weeks",
            "Write it as 7d or 2w",
            field="expiring",
        ) from None


def _by_stage(rows: Iterable[OfferRow]) -> list[tuple[Stage, list[OfferRow], int]]:
    """The stages in the order of life, each with its first rows and how many there are."""
    by_stage: dict[Stage, list[OfferRow]] = {stage: [] for stage in Stage}
    for row in rows:
        by_stage[Stage(row.stage)].append(row)
    return [(stage, found[:CARDS_EACH], len(found)) for stage, found in by_stage.items()]


def _address(asked: dict[str, str], changed: dict[str, object]) -> str:
    together = {**asked, **changed}
    query = urlencode({name: value for name, value in together.items() if value})
    return f"/?{query}" if query else "/"


@router.get("/events")
async def events(
    request: Request,
    _: CurrentActor,
    console: CurrentConsole,
    version: int = 0,
    offer: str = "",
    waiting: Literal["", "approval"] = "",
) -> EventSourceResponse:
    """Server-sent events: one whenever the list has changed; or one offer in it; or, of those that
    wait for an approver, one that is there, comes or goes.

    Its data is within how many milliseconds to read again: all browsers hear of it at once.  They
    end with the session.
    """
    if console.reader.browsers >= MOST_BROWSERS:
        raise Rejection(503, "too-many-browsers", "too many pages are open", retry_after=60)

    def shown(reading: Reading) -> object:
        if waiting:
            return reading.runs_for_approvers(console.policy)
        return reading.by_path.get(offer) if offer else reading.version

    # One generator: one inside of it would not be closed with it.
    async def changes() -> AsyncIterator[dict[str, str]]:
        with console.reader.browser():
            first = console.reader.reading
            seen, before = version, shown(first) if first.version == version else None
            while not await request.is_disconnected():
                if console.sign_in and signed_in(request, datetime.now(UTC)) is None:
                    return
                reading = await console.reader.newer_than(seen, EVENT_EVERY)
                if reading.version != seen:
                    seen, now = reading.version, shown(reading)
                    if now != before:
                        before = now
                        within = READ_AGAIN_MS * console.reader.browsers
                        yield {"event": "changed", "data": str(within)}
                await asyncio.sleep(0)

    return EventSourceResponse(changes(), ping=int(EVENT_EVERY.total_seconds()))
