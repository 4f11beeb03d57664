"""Whether everything works: Temporal, the Schedules, the vendors, and what waits for people."""

from collections import defaultdict
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from activities.temporal.vendor_problems import vendor_problems
from client.listing import list_resumable_of_cause
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.attentions import Attention, AttentionCode, Vendor
from runtime import schedules
from runtime.checks.temporal_server import check_connection
from web.pages.page import CurrentActor, CurrentConsole, SentForm, go_to, render
from web.permissions import Permission
from web.reader import Reading
from web.rejection import Rejection

router = APIRouter(include_in_schema=False)

MOST_PATHS = 10
"""Offers that are named for each cause."""


class Cause(NamedTuple):
    """Attentions of many offers with one cause."""

    code: AttentionCode
    vendor: Vendor | None
    paths: list[str]
    problem: str
    """As the first of them has it."""
    remedy: str
    can_resume: bool


def causes_of(reading: Reading) -> list[Cause]:
    """What waits for people, by cause: what holds most offers first."""
    found: dict[tuple[AttentionCode, Vendor | None], dict[str, Attention]] = defaultdict(dict)
    for run in reading.runs:
        if run.is_running and run.summary:
            for each in run.summary.progress.attentions:
                found[each.code, each.vendor].setdefault(run.path, each)
    causes = []
    for (code, vendor), by_path in found.items():
        first = min(by_path.values(), key=lambda each: each.since)
        can_resume = ActionKind.RESUME in first.actions
        causes.append(Cause(code, vendor, list(by_path), first.problem, first.remedy, can_resume))
    return sorted(causes, key=lambda each: (-len(each.paths), each.code))


@router.get("/health")
async def health(request: Request, actor: CurrentActor, console: CurrentConsole) -> Response:
    """The page."""
    reading = await console.reader.current()
    running = [run.summary for run in reading.runs if run.is_running and run.summary]
    codes = (AttentionCode.CREDENTIALS_REJECTED, AttentionCode.VENDOR_UNRESPONSIVE)
    return render(
        request,
        "health.html",
        actor,
        items=await check_connection(console.temporal),
        schedules=await schedules.rows(console.temporal),
        troubles=vendor_problems([each.progress.attentions for each in running], codes),
        causes=causes_of(reading),
        unreadable=reading.unreadable,
        may_resume=actor.may(Permission.RESUME_ALL, console.policy),
        most_paths=MOST_PATHS,
        live="/events",
        reading=reading,
    )


@router.post("/health/resume")
async def resume_all(
    request: Request, actor: CurrentActor, console: CurrentConsole, form: SentForm
) -> Response:
    """Resume every offer of one cause; without `vendor` only those that no vendor caused."""
    console.require(actor, Permission.RESUME_ALL)
    try:
        code = AttentionCode(form.get("code", ""))
        vendor = Vendor(form["vendor"]) if form.get("vendor") else None
    except ValueError:
        raise Rejection(422, "value-invalid", "there is no such attention") from None
    found = await list_resumable_of_cause(console.temporal, code, vendor)
    console.audit("resume all", actor, attention=code.value, vendor=vendor)
    rejected = await console.finish_soon(console.client(actor).resume_all(found))
    if rejected is None:
        return go_to(request, "/health", f"{len(found)} offers are being resumed.")
    message = f"{len(found) - len(rejected)} offers were resumed."
    if rejected:
        message += f" {len(rejected)} were not: {next(iter(rejected.values()))}"
    return go_to(request, "/health", message)
