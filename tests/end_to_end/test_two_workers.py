"""Several workers at once, each on some or all task queues, do not change the result."""

import asyncio
from collections import Counter
from pathlib import Path

from activities.task_queues import TaskQueue
from offers.stage import Stage
from tests.support.offer_environment import open_offer_environment
from tests.support.programs import running_forked_worker

QUEUES = (TaskQueue.OFFERS, TaskQueue.PREFLIGHT)


async def test_two_workers_with_overlapping_queues(dev_server: str, tmp_path: Path) -> None:
    """One serves two task queues, the other all of them."""
    async with (
        open_offer_environment(dev_server, tmp_path, QUEUES) as environment,
        running_forked_worker(environment.temporal_client, TaskQueue, log=tmp_path / "worker.log"),
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
            o for o in environment.world.aws.offers.values() if environment.world.aws.acceptable(o)
        ]
        record = await environment.client.record(waiting)
        assert [offer.id for offer in acceptable] == [record.offer_id]
        assert len(environment.world.aws.offers) == 3
        kinds = Counter(mail.subject.partition(":")[0] for mail in environment.world.mail.messages)
        assert kinds["Your private offer for Example Product is ready (Example Corp)"] == 3
        assert kinds["Accepted"] == kinds["Paid"] == 1
