"""The mail server: connection, encryption and login; a mail only if it is asked for."""

from activities.email.smtp import Email
from runtime.checks.items import Check, CheckedItem, Result, not_checked, ok, run_checks
from runtime.settings import WorkerSettings

SYSTEM = "Mail"


async def check_mail(settings: WorkerSettings, send_to: str | None) -> list[CheckedItem]:
    """`send_to`: the address that a test mail is sent to; None: none is sent."""

    def email() -> Email:
        return Email(
            settings.smtp_url, settings.mail_from, settings.salesforce_login_url, settings.policy()
        )

    async def login() -> list[Result]:
        return [ok(await email().try_login())]

    async def delivery() -> list[Result]:
        if send_to is None:
            return [not_checked("give --send-to ADDRESS to send one mail")]
        await email().send_test(send_to)
        return [ok("the server took the mail: see whether it arrives")]

    return await run_checks([Check(SYSTEM, "login", login), Check(SYSTEM, "delivery", delivery)])
