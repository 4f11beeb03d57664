"""What waits for an approver: what is decided, about which deal, and the two buttons."""

import asyncio
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

from client.offer_client import OfferClient, RequestRejected
from client.offer_facts import Facts, facts_of_terms
from offers.findings import Finding, Severity
from offers.lifecycle.account_confirmation import confirmation_text
from offers.lifecycle.commands import ApprovalDecision
from offers.lifecycle.record import OfferRecord
from offers.payouts.refund import Refund, RefundStatus
from offers.policy.policy import FINANCE
from offers.preflight.eula import shown
from offers.terms.contacts import is_address_of
from offers.terms.terms import CustomEula, OfferTerms
from web.console import ANSWER_WITHIN, Console
from web.identity import Actor
from web.pages.page import CurrentActor, CurrentConsole, SentForm, go_to, render
from web.permissions import Permission
from web.rejection import Rejection
from web.requested import path_of

router = APIRouter(include_in_schema=False)

MOST_OFFERS = 50
"""That are asked at once: each question is a query."""


class ShownException(NamedTuple):
    """An exception that somebody decides about."""

    finding: Finding
    reference: str
    why_not: str | None
    """Why the reader cannot decide about it; None: they can."""


class Waiting(NamedTuple):
    """An offer with what waits for approvers."""

    record: OfferRecord
    exceptions: list[ShownException]
    refunds: list[tuple[Refund, str | None]]
    """Each with why the reader cannot decide about it."""
    warnings: list[Finding]
    """What is worth knowing before a decision."""
    deal: Facts
    """All that a decision is bound to."""
    digest: str | None

    @property
    def name(self) -> str:
        """Whose deal it is; two of one company differ."""
        number = f" (amendment {self.record.amendment})" if self.record.amendment else ""
        return f"{self.record.company or self.record.opportunity_id}{number}"

    @property
    def is_theirs(self) -> bool:
        """Whether the reader can decide about something in it."""
        reasons = [e.why_not for e in self.exceptions] + [why for _, why in self.refunds]
        return None in reasons


@router.get("/approvals")
async def approvals(request: Request, actor: CurrentActor, console: CurrentConsole) -> Response:
    """What waits for the reader, and below what waits for others."""
    reading = await console.reader.current()
    waiting = reading.needing_approval(console.policy)
    paths = [row.opportunity_id for row in waiting if not row.problem]
    client = console.client(actor)
    asked = await asyncio.gather(
        *(_waiting(client, console, actor, path) for path in paths[:MOST_OFFERS])
    )
    found = [each for each in asked if each and (each.exceptions or each.refunds)]
    return render(
        request,
        "approvals.html",
        actor,
        mine=[each for each in found if each.is_theirs],
        others=[each for each in found if not each.is_theirs],
        unanswered=[path for path, each in zip(paths, asked, strict=False) if each is None],
        more=max(0, len(paths) - MOST_OFFERS),
        unreadable=reading.perhaps_needing_approval,
        live="/events?waiting=approval",
        reading=reading,
    )


async def _waiting(
    client: OfferClient, console: Console, actor: Actor, path: str
) -> Waiting | None:
    try:
        record = await client.record(path, ANSWER_WITHIN)
    except (RequestRejected, WorkflowQueryFailedError, RPCError):
        return None
    return Waiting(
        record=record,
        exceptions=[
            ShownException(
                finding,
                record.approval_reference(finding),
                why_not_theirs(console, actor, record, finding.role),
            )
            for finding in record.awaiting_approval
        ],
        refunds=[
            (each, why_not_theirs(console, actor, record, FINANCE, asked_by=each.requested_by))
            for each in refunds_to_decide(record)
        ],
        warnings=[each for each in record.findings if each.severity is Severity.WARN],
        deal=deal_facts(record, record.terms) if record.terms else [],
        digest=record.deal.digest if record.terms else None,
    )


def refunds_to_decide(record: OfferRecord) -> list[Refund]:
    """The refunds that wait for finance."""
    return [each for each in record.refunds if each.status is RefundStatus.AWAITING_APPROVAL]


def deal_facts(record: OfferRecord, terms: OfferTerms) -> Facts:
    """All that a decision about an exception is bound to (`Deal`), and the sums behind it."""
    found: list[tuple[str, str | None]] = [
        ("Opportunity", record.opportunity_id),
        ("Amendment", f"{record.amendment}, of {record.replaces}" if record.amends else None),
        *(record.pricing.lines if record.pricing else ()),
        ("Company", terms.company),
        *facts_of_terms(terms),
        ("Duration", f"{terms.duration_months} months" if terms.agreement_end else None),
        ("Product", terms.product_id),
        ("Renewal", _renewal(terms)),
        *(("Document", shown(each)) for each in _documents(terms)),
        ("Contract text (SHA-256)", record.eula_sha256),
        *(
            [("Buyer", f"{record.contacts.buyer_name or ''} {record.contacts.buyer_email}")]
            if record.contacts
            else []
        ),
        ("Account check", confirmation_text(record.account_link, record.account_confirmation)),
    ]
    return [(label, value) for label, value in found if value]


def _renewal(terms: OfferTerms) -> str | None:
    if terms.renewal is None:
        return None
    channel = {"External": "moving to", "AwsMarketplace": "already on"}[terms.renewal.channel]
    pricing = terms.renewal.pricing_model
    return f"an existing customer {channel} AWS Marketplace, pricing model {pricing}"


def _documents(terms: OfferTerms) -> tuple[str, ...]:
    return terms.eula.documents if isinstance(terms.eula, CustomEula) else ()


def why_not_theirs(
    console: Console,
    actor: Actor,
    record: OfferRecord,
    role: str | None,
    asked_by: str | None = None,
) -> str | None:
    """Why the actor cannot decide; the offer itself checks it again."""
    if not actor.may(Permission.APPROVE, console.policy) or actor.email is None:
        return f"it needs the role {role}"
    if role and not console.policy.has_role(actor.email, role):
        return f"it needs the role {role}"
    if asked_by is not None:  # a refund, which is never approved by whoever asked for it
        return "you asked for it" if is_address_of(actor.email, [asked_by]) else None
    if record.is_own_deal(actor.email) and not console.policy.approve_own_deals:
        return "it is your own deal"
    return None


@router.post("/approvals/{path:path}")
async def decide(
    request: Request,
    path: str,
    actor: CurrentActor,
    console: CurrentConsole,
    form: SentForm,
) -> Response:
    """Approve or decline one exception, or one refund."""
    path = path_of(path)
    approved = _is_approved(form.get("decision", ""))
    console.require(actor, Permission.APPROVE if approved else Permission.DECLINE)
    if not form.get("finding") or not form.get("deal"):
        raise Rejection(422, "value-invalid", "the form is not complete", "Open the page again")
    decision = ApprovalDecision(
        by=actor.email or "",
        finding=form["finding"],
        deal=form["deal"],
        reason=form.get("reason", ""),
    )
    console.audit("approve" if approved else "decline", actor, offer=path)
    record = await console.finish_soon(console.decide(actor, path, decision, approved=approved))
    if record is None:
        message = f"{path}: the decision was sent, and is not answered yet. Look again in a minute."
        return go_to(request, "/approvals", message)
    done = "approved" if approved else "declined"
    return go_to(request, "/approvals", f"{record.company or path}: {done}.")


def _is_approved(text: str) -> bool:
    if text not in ("approve", "decline"):
        raise Rejection(422, "value-invalid", "it is no decision", "Press one of the buttons")
    return text == "approve"
