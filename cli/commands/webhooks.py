"""Commands for the receivers of events."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer
from rich.text import Text

from cli import common
from cli.common import AsJson, command
from client.offer_client import RequestRejected
from runtime.process_exit import exit_process
from runtime.settings import WorkerSettings, read_settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The receivers of events that the policy names: send a test.",
)


@app.callback()
def _commands() -> None:
    """So that `test` is named although it is the only command."""


@app.command(name="test")
@command
async def send_test(
    name: Annotated[
        str | None, typer.Argument(help="The webhook's name in the policy; without it, all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send a signed test event to the receivers in the policy, and say what each answers.

    Needs the worker's settings. Exits with 1 if one does not take it.

    Examples:

    - `offerflow webhooks test`
    - `offerflow webhooks test crm`
    """
    # Every vendor's client is imported, which takes long: not for every command.
    from offers.lifecycle.webhook_events import EventData, EventType, WebhookEvent
    from runtime.clients import webhook_sender

    settings = read_settings(WorkerSettings)
    sender = webhook_sender(settings)
    endpoints = settings.policy().webhooks.endpoints
    chosen = [each for each in endpoints if name in (None, each.name)]
    if not chosen:
        known = ", ".join(each.name for each in endpoints) or "none"
        raise RequestRejected(
            f"the policy has no webhook{f' {name}' if name else ''}; it names: {known}"
            " (see [webhooks] in examples/policy.toml)"
        )
    event = WebhookEvent(
        id=f"msg_test_{uuid4().hex}",
        type=EventType.TEST,
        timestamp=datetime.now(UTC),
        data=EventData(),
    )
    answers = await asyncio.gather(
        *(asyncio.to_thread(sender.send, endpoint, event) for endpoint in chosen)
    )
    found = list(zip(chosen, answers, strict=True))
    if as_json:
        rows = [
            {"name": each.name, "delivered": answer.is_delivered, "answer": str(answer)}
            for each, answer in found
        ]
        print(json.dumps(rows, indent=2))
    else:
        for each, answer in found:
            word, style = ("ok", "green") if answer.is_delivered else ("failed", "bold red")
            line = Text.assemble((f"{word:<8}", style), f"{each.name} ({each.host}): {answer}")
            common.console.print(line, soft_wrap=True)
    delivered = all(answer.is_delivered for answer in answers)
    exit_process(common.SUCCESS if delivered else common.FAILURE)
