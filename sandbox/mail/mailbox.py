"""The mailbox: every received mail, as pages for a browser and as JSON."""

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
:root { color-scheme: light dark }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif;
       overflow-wrap: anywhere }
h1 { font-size: 1.4rem }
li { margin: .8rem 0 }
small { opacity: .7 }
iframe { width: 100%; height: 40rem; border: 1px solid #8888; background: #fff }
pre { padding: 1rem; border: 1px solid #8888; white-space: pre-wrap }
"""


def routes(world: World) -> list[Route]:
    def find_mail(request: Request) -> Mail | None:
        number = request.path_params["number"]
        return next((mail for mail in world.mail.messages if mail.number == number), None)

    async def list_page(_: Request) -> Response:
        world.advance()
        return _page("Mailbox", _mail_list(world.mail.messages), refresh=True)

    async def mail_page(request: Request) -> Response:
        mail = find_mail(request)
        if mail is None:
            return _page("No such mail", '<p><a href="/">All mail</a></p>', status=404)
        return _page(mail.subject or "(no subject)", _mail_view(mail))

    async def list_json(_: Request) -> Response:
        world.advance()
        return JSONResponse([_as_json(mail) for mail in reversed(world.mail.messages)])

    async def mail_json(request: Request) -> Response:
        mail = find_mail(request)
        if mail is None:
            return JSONResponse({"error": "there is no mail with that number"}, 404)
        return JSONResponse(_as_json(mail))

    return [
        Route("/", list_page),
        Route("/{number:int}", mail_page),
        Route("/mail", list_json),
        Route("/mail/{number:int}", mail_json),
    ]


def _as_json(mail: Mail) -> dict[str, Any]:
    parts = ("sender", "recipients", "subject", "message_id", "headers", "text", "html")
    return {
        "number": mail.number,
        "received_at": mail.received_at.isoformat(),
        **{name: getattr(mail, name) for name in parts},
    }


def _mail_list(mails: list[Mail]) -> str:
    """One entry for each mail, newest first."""
    if not mails:
        return "<p>No mail yet.</p>"
    entries = "".join(
        f'<li><a href="/{mail.number}">{escape(mail.subject or "(no subject)")}</a><br>'
        f"<small>{_received(mail)} to {escape(', '.join(mail.recipients))}</small></li>"
        for mail in reversed(mails)
    )
    return f"<ul>{entries}</ul>"


def _mail_view(mail: Mail) -> str:
    headers = {
        "From": mail.headers.get("From", mail.sender),
        "To": ", ".join(mail.recipients),
        "Received": _received(mail),
        "Message-ID": mail.message_id,
    }
    lines = "<br>".join(f"<small>{name}</small> {escape(text)}" for name, text in headers.items())
    parts = ['<p><a href="/">All mail</a></p>', f"<p>{lines}</p>"]
    if mail.html:
        # Links open in a new tab; scripts and forms are disabled.
        document = escape(f'<base target="_blank">{mail.html}')
        sandbox = "allow-popups allow-popups-to-escape-sandbox"
        parts.append(f'<iframe title="HTML" sandbox="{sandbox}" srcdoc="{document}"></iframe>')
    if mail.text:
        parts.append(f"<h2>As text</h2><pre>{escape(mail.text)}</pre>")
    return "".join(parts)


def _received(mail: Mail) -> str:
    """In business time."""
    return f"{mail.received_at:%Y-%m-%d %H:%M} UTC"


def _page(title: str, body: str, *, status: int = 200, refresh: bool = False) -> Response:
    """A complete page.  `body` is HTML, `title` is plain text."""
    again = '<meta http-equiv="refresh" content="5">' if refresh else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>",
        status,
        {"Content-Security-Policy": CONTENT_SECURITY},
    )
