"""Clazar: the token, and one page of offers."""

from activities.clazar.offers import OFFERS_PATH
from runtime import clients
from runtime.checks.items import Check, CheckedItem, Result, ok, run_checks
from runtime.settings import WorkerSettings

SYSTEM = "Clazar"


async def check_clazar(settings: WorkerSettings) -> list[CheckedItem]:
    async def offers() -> list[Result]:
        client = clients.clazar_client(settings)
        try:
            async for _ in client.pages(OFFERS_PATH, page_size=1):
                break
        finally:
            await client.close()
        return [ok("token and one page of offers")]

    return await run_checks([Check(SYSTEM, "offers", offers)])
