"""Whether this build can continue the open workflows."""

import json
import logging

from cli import common
from cli.common import AsJson, command
from cli.terminal import print_line
from runtime.process_exit import exit_process
from runtime.settings import TemporalSettings, read_settings
from runtime.temporal import connect


@command
async def upgrade_check(as_json: AsJson = False) -> None:
    """Replay all open workflows on this build. Run it with a new build before it is deployed.

    Examples:

    - `offerflow upgrade-check --json`
    """
    # What fails is in the output; in the SDK's logs it may contain the offer's data.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    # Workers need every vendor's client, whose import takes long: not for every command.
    from runtime.upgrade_check import CheckedWorkflow, Outcome, check_open_workflows

    client = await connect(read_settings(TemporalSettings))
    count = 0
    problems: list[CheckedWorkflow] = []
    async for checked in check_open_workflows(client):
        count += 1
        if checked.outcome is not Outcome.REPLAYS:
            problems.append(checked)
            if not as_json:
                reason = f" [{checked.reason}]" if checked.reason else ""
                print_line(f"{checked.workflow_id} {checked.outcome}: {checked.problem}{reason}")
    diverging = [each for each in problems if each.outcome is Outcome.DIVERGES]
    not_checked = [each for each in problems if each.outcome is Outcome.NOT_CHECKED]
    if as_json:
        print(
            json.dumps(
                {
                    "open": count,
                    "diverging": [each.model_dump(mode="json") for each in diverging],
                    "not_checked": [each.model_dump(mode="json") for each in not_checked],
                },
                indent=2,
            )
        )
    else:
        print(
            f"open workflows: {count}; diverging on this build: {len(diverging)};"
            f" not checked: {len(not_checked)}"
        )
    exit_process(common.FAILURE if problems else common.SUCCESS)
