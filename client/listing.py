"""The rows of the list of offers: what Temporal lists of each workflow; no offer is asked."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from pydantic import Field
from temporalio.client import Client

from activities.temporal import offer_summaries
from activities.temporal.offer_summaries import ListedOffer, newest_runs
from offers.agreements.renewal import RenewalOffer
from offers.ids import workflow_id
from offers.lifecycle.attentions import Attention, AttentionCode, Vendor
from offers.lifecycle.record import Amendment
from offers.lifecycle.summary import AGREED, OfferSummary, Wait
from offers.model import FrozenModel
from offers.money import Money
from offers.reports.renewals import EndingAgreement, ending_agreements, renewals_by_agreement
from offers.stage import Stage
from workflows.offer.search_attributes import (
    AGREEMENT_ID,
    ATTENTION,
    EXPIRES_AT,
    RENEWS,
    STAGE,
    STAGE_SINCE,
)


class OfferRow(FrozenModel):
    """A row of the list of offers.  Instants are UTC business time.

    Without a summary only the first fields are known, and `problem` says why.
    """

    opportunity_id: str
    """The offer's path: of an amendment it ends with the amendment's number."""
    stage: str
    since: datetime | None
    """When the stage began."""
    offer_id: str | None
    agreement_id: str | None
    expires_at: datetime | None
    """Last second to accept."""
    attention: str | None
    """What has waited longest for a person; None once nobody can do anything about it."""
    attention_since: datetime | None = None
    """Since when."""
    problem: str | None = None
    """Why the rest is not known."""
    attentions: tuple[str, ...] = ()
    """The codes of all; the first alone if the rest is not known."""
    company: str | None = None
    price: Money | None = None
    owner_email: str | None = Field(default=None, repr=False)
    owner_name: str | None = Field(default=None, repr=False)
    last_day: date | None = None
    waits_for: Wait | None = None
    """None once nothing can follow."""
    waits_until: datetime | None = None
    amendments: tuple[Amendment, ...] = ()
    expected: Money | None = None
    """Still to come; the amounts are None before the acceptance."""
    invoiced: Money | None = None
    paid_out: Money | None = None
    overdue: Money | None = None


async def list_offers(client: Client, stage: str | None = None) -> list[OfferRow]:
    """The newest run of every offer that Temporal still has, the oldest first."""
    runs = newest_runs(await offer_summaries.list_offers(client, "ExecutionStatus != 'Failed'"))
    return [row_of(run) for run in runs if stage in (None, run.stage)]


class ResumableAttention(NamedTuple):
    """An attention of an offer that is resolved together with others."""

    path: str
    code: AttentionCode


async def list_resumable(
    client: Client, code: AttentionCode | None, vendor: Vendor | None
) -> list[ResumableAttention]:
    """The attentions of open offers with a code, or that a vendor caused; no offer is asked.

    An offer's attentions of one code are resolved at once, so they count once.
    """
    return await _resumable(
        client, lambda each: code in (None, each.code) and vendor in (None, each.vendor)
    )


async def list_resumable_of_cause(
    client: Client, code: AttentionCode, vendor: Vendor | None
) -> list[ResumableAttention]:
    """The same with one code that one vendor caused; None: that no vendor caused."""
    return await _resumable(client, lambda each: (each.code, each.vendor) == (code, vendor))


async def _resumable(
    client: Client, is_meant: Callable[[Attention], bool]
) -> list[ResumableAttention]:
    condition = f"{ATTENTION.name} IS NOT NULL AND ExecutionStatus = 'Running'"
    found = {
        ResumableAttention(run.path, each.code): None
        for run in await offer_summaries.list_offers(client, condition)
        for each in (run.summary.progress.attentions if run.summary else ())
        if is_meant(each)
    }
    return list(found)


class Renewals(NamedTuple):
    """Agreements that end soon."""

    ending: list[EndingAgreement]
    unreadable: list[ListedOffer]
    """Open offers whose agreements are not known."""


async def list_renewals(client: Client, now: datetime, within: timedelta) -> Renewals:
    """What ends within that time from now (UTC business time), by the list of offers alone."""
    runs = newest_runs(await offer_summaries.list_offers(client, "ExecutionStatus != 'Failed'"))
    return renewals_among(runs, now, within)


def renewals_among(runs: Sequence[ListedOffer], now: datetime, within: timedelta) -> Renewals:
    """The same among the newest runs of the offers."""
    found = renewals_by_agreement(
        (agreement_id, RenewalOffer(path=run.path, stage=run.stage))
        for run in runs
        if (agreement_id := run.attribute(RENEWS.name))
    )
    running = [run for run in runs if run.is_running]
    summaries = [run.summary for run in running if run.summary]
    ending = ending_agreements(summaries, found, now, within)
    return Renewals(ending, [run for run in running if run.problem])


async def runs_of(client: Client, path: str) -> list[ListedOffer]:
    """All runs of one offer, the oldest first."""
    return await offer_summaries.list_offers(client, f"WorkflowId = '{workflow_id(path)}'")


async def accepted_offers(client: Client) -> list[ListedOffer]:
    """Every run whose offer was accepted, the oldest first."""
    named = ", ".join(f"'{stage}'" for stage in AGREED)
    return await offer_summaries.list_offers(client, f"{STAGE.name} IN ({named})")


async def offers_with_money_to_come(client: Client) -> list[ListedOffer]:
    """The newest run of each offer that was accepted, or can be, unless it has come to its end.

    A run that was stopped from outside counts while it was accepted: its agreement is still there.
    """
    named = ", ".join(f"'{stage}'" for stage in sorted({*AGREED, Stage.SHARED}))
    condition = f"{STAGE.name} IN ({named}) AND ExecutionStatus != 'Completed'"
    runs = newest_runs(await offer_summaries.list_offers(client, condition))
    return [run for run in runs if run.is_running or run.stage in AGREED]


def row_of(run: ListedOffer) -> OfferRow:
    """The row of a run."""
    attribute = run.attribute
    attention = attribute(ATTENTION.name) if run.is_running else None
    first = AttentionCode.WORKFLOW_TERMINATED if run.is_stopped else attention
    row = OfferRow(
        opportunity_id=run.path,
        stage=run.stage,
        since=attribute(STAGE_SINCE.name),
        offer_id=run.offer_id,
        agreement_id=attribute(AGREEMENT_ID.name),
        expires_at=attribute(EXPIRES_AT.name),
        attention=first,
        problem=run.problem,
        attentions=(first,) if first else (),
    )
    if run.summary is None:
        return row
    known = _details(run.summary, is_open=run.is_running)
    if run.is_running and (attentions := run.summary.progress.attentions):
        known |= {
            "attentions": tuple(each.code for each in attentions),
            "attention_since": attentions[0].since,
        }
    return row.model_copy(update=known)


def _details(summary: OfferSummary, *, is_open: bool) -> dict[str, object]:
    deal, progress = summary.deal, summary.progress
    return {
        "company": deal.company,
        "price": summary.price,
        "owner_email": deal.owner.owner_email if deal.owner else None,
        "owner_name": deal.owner.owner_name if deal.owner else None,
        "last_day": deal.last_day,
        "waits_for": progress.waits_for if is_open else None,
        "waits_until": progress.waits_until if is_open else None,
        "amendments": progress.amendments,
        "expected": summary.expected,
        "invoiced": summary.invoiced,
        "paid_out": summary.paid_out,
        "overdue": summary.overdue,
    }
