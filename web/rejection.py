"""What is not done, and why: pages and the HTTP API show the same."""

from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from client.offer_client import (
    AlreadyStarted,
    NoAnswer,
    NoSuchOffer,
    NoSuchOpportunity,
    PreflightPending,
    RequestRejected,
    TokenUsed,
    VendorFailed,
)
from offers.findings import AS_SHOWN, explained
from offers.lifecycle.actions import Action
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.guards import ReasonCode


class Rejection(Exception):
    """A request that is not done."""

    def __init__(
        self,
        status: int,
        code: str,
        problem: str,
        remedy: str | None = None,
        *,
        field: str | None = None,
        actions: tuple[Action, ...] = (),
        retry_after: int | None = None,
        others: tuple["Rejection", ...] = (),
    ) -> None:
        """`status`: of HTTP.  `problem`: one sentence without a full stop.

        `others`: of each field that is not valid, if several are not.
        """
        super().__init__(problem)
        self.status = status
        self.code = code
        self.problem = problem.rstrip(".")
        self.remedy = remedy.rstrip(".") if remedy else None
        self.field = field
        self.actions = actions
        self.retry_after = retry_after
        """Seconds."""
        self.others = others


def rejection_of(error: RequestRejected) -> Rejection:  # noqa: PLR0911  # one per case
    """The same for HTTP: 404 no offer, 503 no answer, 403 not theirs, 409 not now, else 422."""
    problem, actions = str(error), error.actions
    if isinstance(error, NoSuchOffer):
        return Rejection(404, "no-such-offer", problem, actions=actions)
    if isinstance(error, NoSuchOpportunity):
        return Rejection(404, "no-such-opportunity", problem, field="opportunity")
    if isinstance(error, PreflightPending):
        return Rejection(202, "preflight-pending", problem, actions=actions)
    if isinstance(error, NoAnswer):
        return Rejection(503, "no-answer", problem, "Try again in a minute", retry_after=60)
    if isinstance(error, VendorFailed):
        passing = error.kind is AttentionCode.VENDOR_UNRESPONSIVE
        code = error.kind or "vendor-failed"
        remedy, retry_after = VENDOR_REMEDIES[error.kind], 60 if passing else None
        return Rejection(503, code, problem, remedy, retry_after=retry_after)
    if isinstance(error, AlreadyStarted):
        return Rejection(409, "already-started", problem, actions=actions)
    if isinstance(error, TokenUsed):
        remedy = "Send another key with another request, or open the page again"
        return Rejection(422, "idempotency-key-reused", problem, remedy)
    if error.code in FORBIDDEN:
        return Rejection(403, error.code, problem, actions=actions)
    if error.code in INVALID or error.code is None:
        return Rejection(422, error.code or "rejected", problem, actions=actions)
    return Rejection(409, error.code, problem, actions=actions)


def rejection_of_unreadable(error: Exception) -> Rejection:
    """What this process cannot read, because the workers have other keys (UNREADABLE)."""
    return Rejection(
        503,
        "encryption-keys-differ",
        str(error),
        "Give the console the OFFERS_ENCRYPTION_KEYS of the workers, and start it again",
    )


VENDOR_REMEDIES: dict[AttentionCode | None, str] = {
    AttentionCode.CREDENTIALS_REJECTED: (
        "An operator renews or widens the credentials; send it again then"
    ),
    AttentionCode.VENDOR_REJECTED: "An operator corrects what it names; send it again then",
    AttentionCode.VENDOR_UNRESPONSIVE: "Try again in a minute",
    None: "Send it again later; ask an operator if it goes on",
}

FORBIDDEN = frozenset({ReasonCode.NOT_PROVED, ReasonCode.OWN_DEAL, ReasonCode.ROLE_MISSING})
INVALID = frozenset(
    {
        ReasonCode.CHANGE_INVALID,
        ReasonCode.NOTHING_GIVEN,
        ReasonCode.UNKNOWN_TERM,
        ReasonCode.TERM_FOR_AMENDMENTS_ONLY,
        ReasonCode.NO_OFFER_ID,
        ReasonCode.ATTENTION_NOT_NAMED,
    }
)


def rejection_of_invalid(error: RequestValidationError) -> Rejection:
    """What of a request is not of the form it must have, in our own words."""
    found = tuple(map(_of_field, error.errors()))
    first = found[0]
    others = found if len(found) > 1 else ()
    return Rejection(422, first.code, first.problem, first.remedy, field=first.field, others=others)


def _of_field(details: dict[str, Any]) -> Rejection:
    problem, remedy = explained(details)  # type: ignore[arg-type]  # pydantic's, with one more place
    if remedy == AS_SHOWN:
        remedy = "Write it as the description of the API shows"
    field = _place(details["loc"])
    if details["type"] == "json_invalid":
        return Rejection(422, "not-json", "the body is not JSON", "Send a JSON object")
    return Rejection(422, "value-invalid", problem, remedy, field=field)


def _place(place: Sequence[str | int]) -> str:
    """Without the part of the request that it is in; the body itself is called so."""
    within = place[1:] if len(place) > 1 else place
    return ".".join(str(part)[:100] for part in within)
