"""All checks, of all systems at once."""

import asyncio
from collections.abc import Sequence

from runtime.checks.aws_account import check_aws
from runtime.checks.clazar_account import check_clazar
from runtime.checks.items import CheckedItem, Status
from runtime.checks.mail_server import check_mail
from runtime.checks.salesforce_org import check_salesforce
from runtime.checks.selling_policy import check_policy
from runtime.checks.temporal_server import check_temporal
from runtime.settings import InvalidSettings, TemporalSettings, WorkerSettings, read_settings


async def check_everything(send_to: str | None = None) -> list[CheckedItem]:
    """Every item, by system.  `send_to`: the address for a test mail; None: none is sent."""
    try:
        settings = read_settings(WorkerSettings)
    except InvalidSettings as error:
        return _invalid(error) + await _temporal_alone()
    found: Sequence[list[CheckedItem]] = await asyncio.gather(
        check_temporal(settings),
        check_aws(settings),
        check_clazar(settings),
        check_salesforce(settings),
        check_mail(settings, send_to),
        check_policy(settings),
    )
    return [item for items in found for item in items]


def _invalid(error: InvalidSettings) -> list[CheckedItem]:
    return [
        CheckedItem(
            system="Settings",
            item=line.split(":")[0].split(" ")[0],
            status=Status.WRONG,
            detail=line,
            remedy="The other systems are asked when all settings are right",
        )
        for line in str(error).splitlines()
    ]


async def _temporal_alone() -> list[CheckedItem]:
    try:
        settings = read_settings(TemporalSettings)
    except InvalidSettings:
        return []
    return await check_temporal(settings)
