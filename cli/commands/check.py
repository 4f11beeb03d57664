"""Whether everything is set up."""

import json
from typing import Annotated

import typer
from rich.text import Text

from cli import common
from cli.common import AsJson, command
from runtime.process_exit import exit_process


@command
async def check(
    as_json: AsJson = False,
    send_to: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Send one test mail to this address.")
    ] = None,
) -> None:
    """Ask every system whether it is set up as the worker needs it; nothing is written.

    Needs the worker's settings. Exits with 1 if anything is wrong.

    Examples:

    - `offerflow check`
    - `offerflow check --send-to you@example.com`
    """
    # Every vendor's client is imported, which takes long: not for every command.
    from offers.terms.contacts import parse_email
    from runtime.checks.everything import check_everything
    from runtime.checks.items import Status

    if send_to is not None:
        try:
            parse_email(send_to)
        except ValueError:
            raise typer.BadParameter(f"{send_to} is no mail address") from None
    items = await check_everything(send_to)
    wrong = [each for each in items if each.status is Status.WRONG]
    if as_json:
        print(json.dumps([each.model_dump(mode="json") for each in items], indent=2))
    else:
        styles = {Status.OK: "green", Status.WRONG: "bold red", Status.NOT_CHECKED: "yellow"}
        for each in items:
            name = f"{each.system}: {each.item}"
            line = Text.assemble((f"{each.status:<12}", styles[each.status]), name)
            common.console.print(line + (f": {each.detail}" if each.detail else ""), soft_wrap=True)
            if each.remedy:
                common.console.print(f"{'':12}{each.remedy}.", soft_wrap=True)
        print(f"\n{len(wrong)} of {len(items)} items are wrong.")
    exit_process(common.FAILURE if wrong else common.SUCCESS)
