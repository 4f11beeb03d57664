"""What is not done, and why: pages and the HTTP API show the same."""

from client.offer_client import NoAnswer, NoSuchOffer, PreflightPending, RequestRejected
from offers.lifecycle.actions import Action
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
    ) -> None:
        """`status`: of HTTP.  `problem`: one sentence without a full stop."""
        super().__init__(problem)
        self.status = status
        self.code = code
        self.problem = problem.rstrip(".")
        self.remedy = remedy.rstrip(".") if remedy else None
        self.field = field
        self.actions = actions
        self.retry_after = retry_after
        """Seconds."""


def rejection_of(error: RequestRejected) -> Rejection:
    """The same for HTTP: 404 no offer, 503 no answer, 403 not theirs, 409 not now, else 422."""
    problem, actions = str(error), error.actions
    if isinstance(error, NoSuchOffer):
        return Rejection(404, "no-such-offer", problem, actions=actions)
    if isinstance(error, PreflightPending):
        return Rejection(202, "preflight-pending", problem, actions=actions)
    if isinstance(error, NoAnswer):
        return Rejection(503, "no-answer", problem, "Try again in a minute", retry_after=60)
    if error.code in FORBIDDEN:
        return Rejection(403, error.code, problem, actions=actions)
    if error.code in INVALID or error.code is None:
        return Rejection(422, error.code or "rejected", problem, actions=actions)
    return Rejection(409, error.code, problem, actions=actions)


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
