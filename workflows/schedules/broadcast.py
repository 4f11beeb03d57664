"""A mail of a Schedule's run: if it cannot be sent, the next run tries again."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.common.activity_options import start_activity

with workflow.unsafe.imports_passed_through():
    from activities.email.smtp import BroadcastEmail, Email


async def was_sent(mail: BroadcastEmail, budget: timedelta) -> bool:
    """Send a mail; whether that succeeded within the budget (real time)."""
    try:
        await start_activity(Email.send_broadcast, mail, budget=budget)
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        workflow.logger.warning("a mail could not be sent; the next run tries again")
        return False
    return True
