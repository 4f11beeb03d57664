"""The mailbox: every received mail, as pages for a browser and as JSON."""

from dataclasses import asdict
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.mail.mailbox_state import Mail
from sandbox.world import World

CONTENT_SECURITY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'"
)
"""No external resources and no scripts, whatever a mail contains."""

STYLE = """
:root { color-scheme: light dark; --line: #d8dde6; --soft: #5b6577; --paper: #fff;
        --ground: #f4f6f9; --ink: #1b2333; --link: #1d5fd0; }
@media (prefers-color-scheme: dark) { :root { --line: #313a4a; --soft: #9aa5b8;
        --paper: #1a202c; --ground: #10151e; --ink: #e6eaf2; --link: #7fb0ff; } }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: var(--ground);
       color: var(--ink) }
main { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1rem; color: var(--soft); margin: 2rem 0 .5rem }
a { color: var(--link) }
.paper { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
         overflow: hidden }
ul { list-style: none; margin: 0; padding: 0 }
li + li { border-top: 1px solid var(--line) }
li a { display: grid; grid-template-columns: 1fr auto; gap: .1rem 1rem; padding: .8rem 1rem;
       color: inherit; text-decoration: none }
li a:hover, li a:focus { background: var(--ground) }
.subject { font-weight: 600; overflow-wrap: anywhere }
.soft, time { color: var(--soft); font-size: .9rem }
dl { display: grid; grid-template-columns: auto 1fr; gap: .2rem 1rem; margin: 0 0 1rem }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
iframe { display: block; width: 100%; height: 40rem; border: 0; background: #fff }
pre { margin: 0; padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere }
.empty { padding: 2rem; text-align: center }
"""


def routes(world: World) -> list[Route]:
    """The routes, for the root of the control server."""

    async def list_page(_: Request) -> Response:
        world.advance()
        return page("Mailbox", mail_list(world.mail.messages), refresh=True)

    async def mail_page(request: Request) -> Response:
        world.advance()
        mail = find_mail(world, request)
        if mail is None:
            return page("No such mail", '<p><a href="/">All mail</a></p>', status=404)
        return page(mail.subject or "(no subject)", mail_view(mail))

    async def list_json(_: Request) -> Response:
        world.advance()
        return JSONResponse([as_json(mail) for mail in reversed(world.mail.messages)])

    async def mail_json(request: Request) -> Response:
        world.advance()
        mail = find_mail(world, request)
        if mail is None:
            return JSONResponse({"error": "there is no mail with that number"}, 404)
        return JSONResponse(as_json(mail))

    return [
        Route("/", list_page),
        Route("/{number:int}", mail_page),
        Route("/mail", list_json),
        Route("/mail/{number:int}", mail_json),
    ]


def find_mail(world: World, request: Request) -> Mail | None:
    """The mail with the number in the request's path."""
    number = request.path_params["number"]
    return next((mail for mail in world.mail.messages if mail.number == number), None)


def as_json(mail: Mail) -> dict[str, Any]:
    """All fields of a mail; the time in ISO 8601."""
    return {**asdict(mail), "received_at": mail.received_at.isoformat()}


def mail_list(mails: list[Mail]) -> str:
    """One line for each mail, newest first."""
    if not mails:
        return '<div class="paper"><p class="empty soft">No mail yet.</p></div>'
    lines = "".join(
        f'<li><a href="/{mail.number}"><span class="subject">'
        f"{escape(mail.subject or '(no subject)')}</span>{received_time(mail)}"
        f'<span class="soft">to {escape(", ".join(mail.recipients))}</span></a></li>'
        for mail in reversed(mails)
    )
    return f'<div class="paper"><ul>{lines}</ul></div>'


def mail_view(mail: Mail) -> str:
    """One mail: headers, time, HTML body and text body."""
    headers = {
        "From": escape(mail.headers.get("From", mail.sender)),
        "To": escape(", ".join(mail.recipients)),
        "Received": received_time(mail),
        "Message-ID": escape(mail.message_id),
    }
    head = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in headers.items())
    parts = ['<p><a href="/">All mail</a></p>', f"<dl>{head}</dl>"]
    if mail.html:
        # Links open in a new tab; scripts and forms are disabled.
        document = escape(f'<base target="_blank">{mail.html}')
        parts.append(
            '<div class="paper"><iframe title="The mail as HTML" '
            f'sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="{document}">'
            "</iframe></div>"
        )
    if mail.text:
        parts.append(f'<h2>As text</h2><div class="paper"><pre>{escape(mail.text)}</pre></div>')
    return "".join(parts)


def received_time(mail: Mail) -> str:
    """The business time at which a mail was received, as a `time` element."""
    return (
        f'<time datetime="{mail.received_at.isoformat()}">'
        f"{mail.received_at:%Y-%m-%d %H:%M} UTC</time>"
    )


def page(title: str, body: str, *, status: int = 200, refresh: bool = False) -> Response:
    """A complete page.  `body` is HTML, `title` is plain text."""
    again = '<meta http-equiv="refresh" content="5">' if refresh else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>",
        status,
        {"Content-Security-Policy": CONTENT_SECURITY},
    )
