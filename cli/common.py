"""Shared by the commands: arguments, connection, output, exit codes."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import RenderableType
from temporalio.service import RPCError

from cli.actions import PROGRAM, with_commands
from cli.tables import offer_details
from cli.terminal import PlainConsole, print_error
from client.changes import InvalidChange, parse_change
from client.offer_client import OfferClient, RequestRejected
from client.printable import printable
from client.record_data import record_data
from offers.ids import InvalidOpportunityId, parse_pasted_path
from offers.lifecycle.record import OfferRecord
from runtime.codec import InvalidKeys, RefusedPayload
from runtime.process_exit import exit_process
from runtime.schedules import ScheduleNotFound
from runtime.settings import InvalidSettings, TemporalSettings, read_settings
from runtime.telemetry import set_default_runtime
from runtime.temporal import ServerUnreachable, connect, register_search_attributes

P = ParamSpec("P")
SUCCESS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes (docs/command-line.md)."""

PIPE_WIDTH = 200
"""Columns of output that does not go to a terminal."""

console = PlainConsole(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def opportunity_argument(text: str) -> str:
    """The 18-character form of an opportunity's id, from what people paste."""
    opportunity_id, _, amendment = offer_argument(text).partition("/")
    if amendment:
        raise typer.BadParameter(
            f"{opportunity_id}/{amendment} is an amendment: give its opportunity, {opportunity_id}"
        )
    return opportunity_id


def offer_argument(text: str) -> str:
    """The path of an offer: an opportunity's id, or one of its amendments."""
    try:
        return parse_pasted_path(text)
    except InvalidOpportunityId as error:
        raise typer.BadParameter(str(error)) from None


Opportunity = Annotated[
    str,
    typer.Argument(
        parser=opportunity_argument,
        metavar="OPPORTUNITY",
        help="The opportunity's id, or its address in Salesforce.",
    ),
]
Offer = Annotated[
    str,
    typer.Argument(
        parser=offer_argument,
        metavar="OFFER",
        help="The opportunity's id, or its address in Salesforce; or the workflow's id."
        " Add /amendment/1 to the id for its first amendment.",
    ),
]
By = Annotated[
    str,
    typer.Option(
        "--by",
        envvar="OFFERS_USER",
        help="Your mail address, as the policy's roles list it.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask; needed where there is no terminal.")
]
NamedChanges = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME=VALUE",
        help="Terms to change, by the names above; NAME= removes an earlier change.",
    ),
]
TermsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json",
        help="JSON file with terms that replace the opportunity's.",
        exists=True,
    ),
]


async def open_offer_client(by: str | None = None) -> OfferClient:
    """`by`: mail address of who asks; None: as the settings say."""
    settings = read_settings(TemporalSettings)
    if by is not None:
        settings = settings.model_copy(update={"offers_user": by})
    client = await connect(settings)
    await register_search_attributes(client)
    return OfferClient(client, settings.clock, by=settings.offers_user)


def confirm(question: str, *, yes: bool, otherwise: str) -> None:
    """Ask on a terminal about what cannot be undone; raises RequestRejected if the answer is no.

    Elsewhere nobody can answer: it needs `--yes` then.  `otherwise`: such as "nothing was erased".
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise RequestRejected(f"{otherwise}: confirm it with --yes")
    # asyncio has Ctrl-C cancel the command, which does not end the question.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        answer = ""
    finally:
        signal.signal(signal.SIGINT, handler)
    if not answer.endswith("\n"):
        print_error("")
    if answer.strip().lower() not in ("y", "yes"):
        raise RequestRejected(otherwise)


def print_paged(output: RenderableType, lines: int) -> None:
    """Print on standard output; what is longer than the terminal goes through `$PAGER`."""
    if not console.is_terminal or lines < console.height:
        console.print(output)
        return
    os.environ.setdefault("LESS", "FRX")  # as git does: colours, and no pager for one page
    with console.pager(styles=True):
        console.print(output)


def signing_key() -> tuple[str, Ed25519PrivateKey] | None:
    """The id of the key that signs decisions, and the key; None: they are not signed."""
    return read_settings(TemporalSettings).signing_key


def given_terms(terms: Path | None) -> dict[str, Any]:
    if terms is None:
        return {}
    try:
        # Amounts may be JSON numbers: they are read as text, which loses nothing.
        given = json.loads(terms.read_text(encoding="utf-8"), parse_float=str)
        json.dumps(given, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
    except json.JSONDecodeError as error:
        raise typer.BadParameter(
            f"{terms}, line {error.lineno}, column {error.colno}: it is not JSON"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise typer.BadParameter(f"{terms} cannot be read: {why}") from None
    if not isinstance(given, dict):
        raise typer.BadParameter(f"{terms}: it must be one JSON object with terms")
    return given


def given_changes(terms: Path | None, changes: list[str] | None) -> dict[str, Any]:
    """The terms in a file, and those given as NAME=VALUE, which take precedence."""
    try:
        return given_terms(terms) | dict(map(parse_change, changes or []))
    except InvalidChange as error:
        raise typer.BadParameter(str(error)) from None


def print_record(record: OfferRecord, as_json: bool, *, is_open: bool = True) -> None:
    """Print a record as JSON or as a table."""
    if as_json:
        print(json.dumps(record_data(record), indent=2))
    else:
        console.print(offer_details(record, is_open=is_open))
        if record.offer_url:
            console.print(f"\n{record.offer_url}", soft_wrap=True)


def command(work: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make a command of a coroutine function.

    If it is rejected, the command prints why on standard error and exits with 1; with 130 if it is
    interrupted by Ctrl-C.
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        set_default_runtime()
        try:
            asyncio.run(work(*args, **kwargs))
        except RequestRejected as error:
            print_error(with_commands(str(error), error.actions))
        except (
            InvalidSettings,
            InvalidKeys,
            RefusedPayload,
            ServerUnreachable,
            ScheduleNotFound,
        ) as error:
            print_error(error)
        except RPCError as error:
            print_error(f"Temporal rejected the request: {error.message}")
        except KeyboardInterrupt:
            print_error(f"interrupted: see with {PROGRAM} show, or list, what has been done")
            exit_process(INTERRUPTED)
        else:
            return
        exit_process(FAILURE)

    return run
