"""What all pages have: the templates, the navigation, and messages."""

from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from offers.stage import Stage
from offers.text import day_text, instant_text
from web.console import Console, SignInRequired
from web.identity import Actor, Kind
from web.reader import Reading, age
from web.rejection import Rejection
from web.requests import check_origin, csrf_token

OLD_SECONDS = 30
"""After which a page says how old the list is that it shows."""

MESSAGE = "message"
LONGEST_MESSAGE = 600


def _day(value: date | None) -> str:
    return day_text(value) if value else ""


def _instant(value: datetime | None) -> str:
    return instant_text(value) if value else ""


def short_path(path: str) -> str:
    """An offer's path as tables show it: 006…/1 for the first amendment."""
    return path.replace("/amendment/", "/")


templates = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters |= {"day": _day, "instant": _instant, "short_path": short_path}
templates.globals |= {"Stage": Stage}


def console_of(request: Request) -> Console:
    """The console that a request came to."""
    console: Console = request.app.state.console
    return console


async def actor_of(request: Request) -> Actor:
    """Who asks for a page; raises SignInRequired."""
    return await console_of(request).actor(request)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form of our own pages, without surrounding blanks; raises Rejection."""
    sent = await request.form(max_files=0, max_fields=200)
    fields = {name: value for name, value in sent.items() if isinstance(value, str)}
    check_origin(request, fields, console_of(request).settings.offers_console_url)
    return {name: value.strip() for name, value in fields.items()}


CurrentActor = Annotated[Actor, Depends(actor_of)]
CurrentConsole = Annotated[Console, Depends(console_of)]
SentForm = Annotated[dict[str, str], Depends(form_of)]


def render(
    request: Request,
    template: str,
    actor: Actor | None,
    *,
    status: int = 200,
    reading: Reading | None = None,
    **context: Any,
) -> Response:
    """A page.

    `reading`: the list as it was before anything else was asked for the page; what changes from
    then on is news for it.
    """
    console = console_of(request)
    old = age(console.reader)
    newest = console.reader.reading
    page = templates.get_template(template).render(
        actor=actor,
        is_local=actor is not None and actor.kind is Kind.LOCAL_OPERATOR,
        csrf=csrf_token(request),
        path=request.url.path,
        message=request.session.pop(MESSAGE, None),
        waiting=len(newest.needing_somebody),
        to_approve=len(newest.needing_approval(console.policy)),
        version=(reading or newest).version,
        problem=console.reader.problem,
        unread=console.reader.read_at is None,
        old_seconds=int(old.total_seconds()) if old and old.total_seconds() > OLD_SECONDS else None,
        now=console.now(),
        **context,
    )
    return HTMLResponse(page, status)


def go_to(request: Request, target: str, message: str) -> Response:
    """To a page that says what was done."""
    request.session[MESSAGE] = message[:LONGEST_MESSAGE]
    return RedirectResponse(target, 303)


async def error_page(request: Request, error: Rejection) -> Response:
    """Why something is not done, and where to go instead."""
    actor = None
    with suppress(SignInRequired, Rejection):
        actor = await console_of(request).actor(request)
    response = render(request, "error.html", actor, status=error.status, error=error)
    if error.retry_after:
        response.headers["retry-after"] = str(error.retry_after)
    return response


router = APIRouter(include_in_schema=False)


@router.get("/signed-out")
async def signed_out(request: Request) -> Response:
    """After signing out."""
    return render(request, "signed_out.html", None)
