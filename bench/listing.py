"""How long it takes to list many offers, and to make the payout report and the digests of them.

`python -m bench.listing` prints the figures of 10,000 offers as JSON.

The offers are started with a memo and search attributes on a task queue that no worker serves: so
they also show that nothing asks an offer.  The summaries are encrypted.
"""

import asyncio
import base64
import dataclasses
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities.temporal.digests import DigestPlanRequest, Digests
from bench.environment import run_concurrently
from cli.tables import offer_table
from client.offer_client import OfferClient
from client.offer_selection import needy_first
from offers.agreements.agreement import Agreement, AgreementStatus
from offers.ids import parse_opportunity_id, workflow_id
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.expected_payments import update_expected_payments
from offers.lifecycle.record import OfferRecord, StageEntry
from offers.lifecycle.summary import OfferSummary
from offers.money import Money
from offers.payouts.model import InvoicePayout, Payout, PayoutReading
from offers.policy.digest import DigestRules, Weekday
from offers.policy.payouts import PayoutRules
from offers.reports.monthly_forecast import monthly_forecast
from offers.reports.payouts import lines, totals
from offers.stage import Stage
from offers.terms.contacts import Owner
from runtime.codec import EncryptionCodec
from runtime.process_exit import exit_process
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter, register_search_attributes
from tests.support.builders import terms
from tests.support.listed_offers import list_offer
from tests.support.workflow_harness import installed_program

KEY = base64.b64encode(bytes(32)).decode()
OWNERS = 50
TIMEOUT_SECONDS = 300


@asynccontextmanager
async def listed(records: Sequence[OfferRecord]) -> AsyncIterator[Client]:
    """A server that lists these offers, encrypted."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=installed_program("temporal"),
        dev_server_log_level="error",
        data_converter=dataclasses.replace(
            data_converter(TemporalSettings()), payload_codec=EncryptionCodec(f"bench:{KEY}")
        ),
    ) as temporal:
        client = temporal.client
        await register_search_attributes(client)
        by_id = {workflow_id(record.path): record for record in records}
        await run_concurrently(lambda each: list_offer(client, by_id[each]), list(by_id))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (await client.count_workflows("OfferStage IS NOT NULL")).count < len(records):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        # A command does not have the objects that the bench made: they are left out of its garbage
        # collections.
        gc.collect()
        gc.freeze()
        yield client


async def listing(count: int) -> dict[str, Any]:
    """Seconds for each, with this many open offers: half accepted, one in ten with an attention.

    For the payouts all of them are accepted.
    """
    now = datetime.now(UTC)
    records = [example(number, now) for number in range(count)]
    async with listed(records) as client:
        offers = OfferClient(client)
        rows, list_seconds = await timed(offers.list_offers())
        assert len(rows) == count
        assert not any(row.problem for row in rows)
        began = time.perf_counter()
        Console(width=120, file=StringIO()).print(offer_table(needy_first(rows), 120))
        print_seconds = time.perf_counter() - began
        plan, digest_seconds = await timed(
            ActivityEnvironment().run(
                Digests(client).plan_digests,
                DigestPlanRequest(rules=DigestRules(days=tuple(Weekday)), now=now),
            )
        )
    sizes = [len(OfferSummary.of(r).model_dump_json(exclude_defaults=True)) for r in records]
    return {
        "offers": count,
        "summary_bytes": {"smallest": min(sizes), "largest": max(sizes)},
        "list_seconds": round(list_seconds, 2),
        "table_seconds": round(print_seconds, 2),
        "digest_plan_seconds": round(digest_seconds, 2),
        "digest_owners": len(plan.owners),
        **await payouts(count, now),
        "target_seconds": 5,
    }


async def payouts(count: int, now: datetime) -> dict[str, Any]:
    """Seconds for the payout report and for the forecast, with this many accepted offers."""
    records = [example(2 * number + 1, now) for number in range(count)]
    known = {r.offer_id: r.payout for r in records if r.offer_id and r.payout}
    async with listed(records) as client:
        offers = OfferClient(client)
        found, report_seconds = await timed(
            payout_report(offers, PayoutReading(payouts=known), now.date())
        )
        _, forecast_seconds = await timed(payout_forecast(offers, now.date()))
    return {
        "payout_report_seconds": round(report_seconds, 2),
        "payout_lines": found,
        "payout_forecast_seconds": round(forecast_seconds, 2),
    }


async def payout_forecast(offers: OfferClient, today: date) -> None:
    """The forecast by month, as `payouts --forecast` makes it."""
    rows = await offers.offers_with_money_to_come()
    summaries = [each.summary for each in rows if each.summary]
    assert monthly_forecast(summaries, PayoutRules(), today)


async def payout_report(offers: OfferClient, reading: PayoutReading, today: date) -> int:
    """The report without the reading of the payout data; the number of its lines."""
    summaries = [each.summary for each in await offers.accepted_offers() if each.summary]
    found = lines(summaries, reading, PayoutRules(), today)
    assert totals(found)
    return len(found)


async def timed(work: Awaitable[Any]) -> tuple[Any, float]:
    """What it gives, and the seconds it takes."""
    began = time.perf_counter()
    result = await work
    return result, time.perf_counter() - began


def example(number: int, now: datetime) -> OfferRecord:
    """An invented offer: shared, accepted and not invoiced, invoiced, or waiting for a person."""
    since = now - timedelta(days=number % 20, hours=1)
    record = OfferRecord(
        opportunity_id=parse_opportunity_id(f"006TEST{number:08}"),
        company=f"Example Company {number} Inc",
        owner=Owner(
            owner_email=f"owner{number % OWNERS}@example.com",
            owner_name=f"Example Owner {number % OWNERS}",
            owner_time_zone="America/Los_Angeles",
        ),
        terms=terms(availability_end=(now + timedelta(days=number % 30)).date()),
        stage=Stage.SHARED,
        offer_id=f"offer-{number:013}",
        history=(StageEntry(stage=Stage.SHARED, at=since),),
    )
    if number % 10 == 0:
        record.attentions = (
            Attention(
                code=AttentionCode.NOTIFICATION_FAILED,
                problem="The mail server rejects an address of the owner's mails",
                remedy="Correct the address in Salesforce, then resume",
                since=since,
            ),
        )
    if number % 2:
        _accept(record, number, since)
    return record


def _accept(record: OfferRecord, number: int, since: datetime) -> None:
    record.stage = Stage.ACCEPTED
    record.history += (StageEntry(stage=Stage.ACCEPTED, at=since),)
    record.agreement = Agreement(
        agreement_id=f"agmt-{number:025}",
        offer_id=record.require_offer_id(),
        buyer_account="111122223333",
        status=AgreementStatus.ACTIVE,
        accepted_at=since,
        starts_at=since,
        ends_at=since + timedelta(days=365),
    )
    if number % 4 == 1:
        record.payout = Payout(
            offer_id=record.require_offer_id(),
            invoices=(
                InvoicePayout(
                    invoice_id=f"E2E2E{number:06}",
                    agreement_id=record.agreement.agreement_id,
                    invoiced_on=since.date(),
                    due_on=since.date() + timedelta(days=30),
                    gross=Money.of("120000", "USD"),
                    refunded=Money.of(0, "USD"),
                    listing_fee=Money.of("3600", "USD"),
                    tax=Money.of(0, "USD"),
                    undisbursed=Money.of("116400", "USD"),
                ),
            ),
        )
    update_expected_payments(record, since.date())


if __name__ == "__main__":
    print(json.dumps(asyncio.run(listing(10_000)), indent=2))
    exit_process(0)
