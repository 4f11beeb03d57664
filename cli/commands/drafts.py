"""Commands for drafts: preflight, approve, decline, revise, link-offer."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from temporalio.exceptions import ApplicationError

from activities.preflight import CheckDeal
from cli import common
from cli.common import AsJson, By, NamedChanges, Offer, Opportunity, TermsFile, command
from cli.tables import preflight_table
from cli.terminal import print_error
from client.offer_client import RequestRejected
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.lifecycle.decision_proof import signed_decision
from offers.lifecycle.guards import exceptions_named, why_nothing_to_decide
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import CreationMethod
from offers.preflight.report import PreflightReport
from runtime import clients
from runtime.process_exit import exit_process
from runtime.settings import InvalidSettings, WorkerSettings, read_settings

FindingCode = Annotated[
    str | None,
    typer.Option(
        "--finding",
        help="The exception or refund, as named by show and in the mail; default: all exceptions"
        " you may decide on.",
    ),
]

NOT_SHOWN = {"contacts", "owner", "policy", "clock", "method"}
"""What the JSON leaves out: people, and settings of the worker."""


def preflight(
    opportunity: Annotated[
        str | None,
        typer.Argument(
            metavar="OPPORTUNITY", help="The opportunity's id, or its address in Salesforce."
        ),
    ] = None,
    terms: TermsFile = None,
    as_json: AsJson = False,
) -> None:
    """Check a deal without starting an offer; nothing is written to any system.

    Needs the worker's settings. Exits with 1 if the offer could not be created like this.

    Examples:

    - `offerflow preflight 006…`
    - `offerflow preflight --terms terms.json --json`
    """
    if opportunity is None and terms is None:
        raise typer.BadParameter("give an opportunity, or terms with --terms")
    record_id = common.opportunity_argument(opportunity) if opportunity else None
    given = common.given_terms(terms)
    report = _check(CheckDeal(opportunity_id=record_id, terms=given, before_start=True))
    if as_json:
        shown = report.model_dump(mode="json", exclude=NOT_SHOWN)
        print(json.dumps({"refuses": report.has_refusal} | shown, indent=2))
    else:
        common.console.print(preflight_table(report))
    exit_process(common.FAILURE if report.has_refusal else common.SUCCESS)


def _check(deal: CheckDeal) -> PreflightReport:
    try:
        settings = read_settings(WorkerSettings)
        now = settings.clock.business_time(datetime.now(UTC))
        return clients.preflight(settings, clients.AwsClients()).check(deal, now)
    except InvalidSettings as error:
        print_error(error)
    except ApplicationError as failure:
        print_error(failure.message)
    return exit_process(common.FAILURE)


@command
async def approve(
    offer: Offer, by: By, finding: FindingCode = None, as_json: AsJson = False
) -> None:
    """Approve exceptions to the selling rules, or a refund.

    Examples:

    - `offerflow approve 006… --by you@example.com`
    - `offerflow approve 006… --by you@example.com --finding not-annual:1f3a9c0b52`
    - `offerflow approve 006… --by you@example.com --finding refund-1`
    """
    decision = ApprovalDecision(by=by, finding=finding)
    common.print_record(await _decide(offer, decision, approved=True), as_json)


@command
async def decline(
    offer: Offer,
    by: By,
    reason: Annotated[str, typer.Option(help="Why; shown to the person who corrects the terms.")],
    finding: FindingCode = None,
    as_json: AsJson = False,
) -> None:
    """Decline a refund, or exceptions: the terms must then be revised, unless approved later.

    Examples:

    - `offerflow decline 006… --by you@example.com --reason "two years are too long"`
    """
    decision = ApprovalDecision(by=by, finding=finding, reason=reason)
    common.print_record(await _decide(offer, decision, approved=False), as_json)


async def _decide(offer: str, decision: ApprovalDecision, *, approved: bool) -> OfferRecord:
    """Decide about each exception by itself if the decision is to be signed."""
    client, key = await common.open_offer_client(by=decision.by), common.signing_key()
    decide = client.approve if approved else client.decline
    if key is None:
        return await decide(offer, decision)
    record = await client.record(offer)
    if refund := record.refund_named(decision.finding):
        named = decision.model_copy(update={"deal": refund.digest})
        return await decide(offer, signed_decision(named, offer, key, approved=approved))
    if refused := why_nothing_to_decide(record, decision, approved=approved):
        raise RequestRejected.of(refused)
    decided: list[OfferRecord] = []
    rejected: list[RequestRejected] = []
    for finding in exceptions_named(record, decision):
        named = decision.model_copy(
            update={"finding": record.approval_reference(finding), "deal": record.deal.digest}
        )
        try:
            signed = signed_decision(named, offer, key, approved=approved)
            decided.append(await decide(offer, signed))
        except RequestRejected as error:  # perhaps it needs a role that somebody else holds
            rejected.append(error)
    if not decided:
        raise rejected[-1]
    return decided[-1]


@command
async def revise(
    offer: Offer,
    changes: NamedChanges = None,
    terms: TermsFile = None,
    method: Annotated[
        CreationMethod | None,
        typer.Option(help="Where the offer is created: aws, or clazar (by hand)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change the terms of a draft, or of an offer that AWS rejected, and check them again.

    The terms are `company`, `offer_name`, `description`, `price` (such as "110000.00 USD"),
    `buyer_accounts`, `product_id`, `dimensions`, `duration_months`, `starts_on`, `agreement_end`,
    `availability_end` (the last day to accept), `payment_schedule`, `net_payment_days`, `eula`,
    `renewal`; and the contacts `buyer_email`, `buyer_name`, `buyer_time_zone`, `buyer_country`,
    `owner_email`, `owner_name`, `owner_time_zone`.

    Examples:

    - `offerflow revise 006… duration_months=12 price="110000.00 USD"`
    - `offerflow revise 006… buyer_name=`
    """
    given = TermChanges(terms=common.given_changes(terms, changes), method=method)
    record = await (await common.open_offer_client()).revise(offer, given)
    common.print_record(record, as_json)
    if record.blocking_findings:
        exit_process(common.FAILURE)


@command
async def link_offer(
    opportunity: Opportunity,
    offer_id: Annotated[str, typer.Option(help="Id of the offer that was created in Clazar.")],
    as_json: AsJson = False,
) -> None:
    """Name the offer that was created in Clazar, if it was not recognised.

    Examples:

    - `offerflow link-offer 006… --offer-id offer-4isthufus86rk`
    """
    client = await common.open_offer_client()
    common.print_record(await client.link_offer(opportunity, offer_id), as_json)
