"""Several workers at once, each on all queues or on some, change no result."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from activities.task_queues import TaskQueue
from offers.stage import Stage
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from tests.support.programs import ROOT

HERE = (TaskQueue.OFFERS, TaskQueue.PREFLIGHT)


@asynccontextmanager
async def working_beside(
    environment: OfferEnvironment, queues: Iterable[TaskQueue]
) -> AsyncIterator[None]:
    """A worker process on some queues."""
    address = environment.temporal_client.service_client.config.target_host
    named = [word for queue in queues for word in ("--queues", queue.value)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "worker.py"),
        *named,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"TEMPORAL_ADDRESS": address},
    )
    try:
        yield
    finally:
        process.terminate()
        assert await process.wait() == 0, "it ends in order"


async def test_two_workers_make_no_difference(tmp_path: Path) -> None:
    """One serves two queues, the other all: some are served twice, some elsewhere."""
    async with (
        open_offer_environment(tmp_path, HERE) as environment,
        working_beside(environment, TaskQueue),
    ):
        paid, cancelled, waiting = await environment.share_offers(1, 2, 3)
        await environment.accept(paid)
        await environment.client.cancel(cancelled, "test")
        await asyncio.gather(environment.run_agreement_watch(), environment.run_clazar_watch())
        await environment.wait_until(paid, lambda row: row.stage == Stage.ACCEPTED)
        environment.pay(paid, "1")
        assert (await environment.run_payout_sweep()).signalled == 1
        await environment.wait_until(paid, lambda row: row.stage == Stage.DISBURSED)
        await environment.wait_until(cancelled, lambda row: row.stage == Stage.CANCELLED)
        await environment.wait_until_idle(paid)
        acceptable = [
            o for o in environment.world.offers.values() if environment.world.acceptable(o)
        ]
        record = await environment.client.record(waiting)
        assert [offer.id for offer in acceptable] == [record.offer_id]
        assert len(environment.world.offers) == 3
        kinds = Counter(mail.subject.partition(":")[0] for mail in environment.world.mails)
        assert kinds["Your private offer for Example Product is ready"] == 3
        assert kinds["Accepted"] == kinds["Paid"] == 1
