"""A new offer: the opportunity, what preflight finds, terms that are overruled, and the start."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from activities.preflight import GIVEN, DealPreview
from client.offer_client import RequestRejected
from client.offer_facts import facts_of_terms
from offers.findings import Severity
from web.console import ANSWER_WITHIN, Console
from web.identity import Actor
from web.pages.page import CurrentActor, CurrentConsole, SentForm, go_to, render
from web.permissions import Permission, moves_ownership
from web.rejection import Rejection, rejection_of
from web.requested import changes_of, opportunity_of

router = APIRouter(include_in_schema=False)

POLICY = "the policy"
ORDER = {Severity.REFUSE: 0, Severity.APPROVAL: 1, Severity.WARN: 2}


@router.get("/new")
async def new_offer(request: Request, actor: CurrentActor, opportunity: str = "") -> Response:
    """The empty form."""
    return _form(request, actor, opportunity=opportunity[:2000])


def _form(request: Request, actor: CurrentActor, **context: Any) -> Response:
    empty: dict[str, Any] = {
        "opportunity": "",
        "changes": "",
        "preview": None,
        "sources": [],
        "can_create": False,
    }
    empty["error"] = None
    return render(request, "new_offer.html", actor, **(empty | {"why_not": None} | context))


@router.post("/new")
async def check_or_create(
    request: Request, actor: CurrentActor, console: CurrentConsole, form: SentForm
) -> Response:
    """Check the deal; or start its offer, if that button was pressed."""
    try:
        return await _checked_or_created(request, actor, console, form)
    except (Rejection, RequestRejected) as error:
        rejection = error if isinstance(error, Rejection) else rejection_of(error)
        if rejection.status == 403:
            raise
        written = {name: form.get(name, "") for name in ("opportunity", "changes")}
        return _form(request, actor, status=rejection.status, error=rejection, **written)


async def _checked_or_created(
    request: Request, actor: Actor, console: Console, form: dict[str, str]
) -> Response:
    opportunity_id = opportunity_of(form.get("opportunity", ""))
    given = changes_of(form.get("changes", ""))
    client = console.client(actor)
    console.require(actor, Permission.PREFLIGHT)
    console.audit("preflight", actor, offer=opportunity_id)
    preview = await console.preflight(actor, opportunity_id, given)
    # Whose it is says Salesforce, not the form.
    shown = None if moves_ownership(given) else preview.report.owner
    owner = shown.owner_email if shown else None
    if form.get("action") == "create":
        console.require(actor, Permission.CREATE, owner)
        console.audit("create", actor, offer=opportunity_id)
        started = await console.finish_soon(client.create(opportunity_id, given))
        if started is None:
            message = "It takes longer to start the offer. Look at this page again in a minute."
        elif started:
            message = "The offer is started."
        else:
            known = await client.known(opportunity_id, ANSWER_WITHIN)
            stage = known.summary.progress.stage
            message = f"Nothing was started: there is this offer already. It is {stage}."
        return go_to(request, f"/offers/{opportunity_id}", message)
    return _form(
        request,
        actor,
        opportunity=opportunity_id,
        changes=form.get("changes", ""),
        preview=preview,
        sources=sources_of(preview),
        can_create=actor.may(Permission.CREATE, console.policy, owner),
        findings=sorted(preview.report.findings, key=lambda each: ORDER[each.severity]),
        facts=[("Company", preview.report.company), *facts_of_terms(preview.report.terms)],
    )


def sources_of(preview: DealPreview) -> list[tuple[str, str, str]]:
    """Each term by its name, as it is, and where it came from."""
    if preview.report.terms is None:
        return []
    shown = preview.report.terms.model_dump(mode="json")
    return [
        (name, _text(value), _source(preview.sources.get(name)))
        for name, value in shown.items()
        if value not in (None, [], ())
    ]


def _source(source: str | None) -> str:
    if source is None:
        return POLICY
    return "given here" if source == GIVEN else f"Salesforce: {source}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        if set(value) == {"amount", "currency"}:
            return f"{value['amount']} {value['currency']}"
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items() if each)
    if isinstance(value, list):
        return "; ".join(map(_text, value))
    return str(value)
