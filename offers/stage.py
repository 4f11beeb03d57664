"""The life of an offer: its stages and the one table of transitions between them."""

from enum import StrEnum


class Stage(StrEnum):
    """Where an offer is in its life."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    GENERATING = "generating"
    FAILED = "failed"
    LIVE = "live"
    SHARED = "shared"
    ACCEPTED = "accepted"
    DISBURSED = "disbursed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    TERMINATED = "terminated"

    @property
    def is_end(self) -> bool:
        """Whether nothing more happens to the offer by itself.

        What has expired can be extended for a while, and what is paid can still be amended.
        """
        return self in ENDS


ENDS = frozenset(
    {Stage.DISBURSED, Stage.EXPIRED, Stage.CANCELLED, Stage.REPLACED, Stage.TERMINATED}
)


TRANSITIONS: dict[Stage, dict[Stage, str]] = {
    Stage.DRAFT: {
        Stage.SUBMITTED: "preflight is clean, exceptions are approved",
        Stage.CANCELLED: "cancel",
        Stage.ACCEPTED: "an earlier revision was accepted after all",
    },
    Stage.SUBMITTED: {
        Stage.GENERATING: "AWS accepted the change set, or the Clazar handoff has begun",
        Stage.FAILED: "AWS rejected the request",
        Stage.DRAFT: "amended before it was created",
        Stage.ACCEPTED: "an earlier revision was accepted after all",
        Stage.CANCELLED: "cancel",
    },
    Stage.GENERATING: {
        Stage.LIVE: "released, and reads back as asked",
        Stage.FAILED: "AWS failed it, or created something else",
        Stage.DRAFT: "sent back, or amended: withdrawn",
        Stage.CANCELLED: "cancel",
        Stage.ACCEPTED: "agreement found",
    },
    Stage.FAILED: {
        Stage.DRAFT: "revised, or corrected and resumed",
        Stage.ACCEPTED: "it, or an earlier revision, was accepted after all",
        Stage.CANCELLED: "cancel",
    },
    Stage.LIVE: {
        Stage.SHARED: "buyer notified",
        Stage.ACCEPTED: "agreement found",
        Stage.EXPIRED: "last day over, no agreement",
        Stage.DRAFT: "amended: withdrawn",
        Stage.CANCELLED: "cancel",
    },
    Stage.SHARED: {
        Stage.ACCEPTED: "agreement found",
        Stage.EXPIRED: "last day over, no agreement",
        Stage.DRAFT: "amended: withdrawn",
        Stage.CANCELLED: "cancel",
    },
    Stage.ACCEPTED: {
        Stage.DISBURSED: "paid out in full",
        Stage.REPLACED: "an amendment was accepted",
        Stage.TERMINATED: "agreement cancelled or terminated, or long over and not paid",
        Stage.SHARED: "AWS rolled the acceptance back",
    },
    Stage.DISBURSED: {
        Stage.ACCEPTED: "the bank refused the payout, or AWS took it back",
        Stage.REPLACED: "an amendment was accepted",
        Stage.TERMINATED: "agreement cancelled or terminated",
    },
    Stage.EXPIRED: {
        Stage.SHARED: "extended",
        Stage.DRAFT: "amended: created again",
        Stage.ACCEPTED: "agreement found after all",
        Stage.CANCELLED: "cancelled while it was being extended",
    },
    Stage.CANCELLED: {
        Stage.ACCEPTED: "agreement found after all",
        Stage.DRAFT: "created again",
    },
    Stage.REPLACED: {
        Stage.ACCEPTED: "AWS rolled the amendment back",
    },
    Stage.TERMINATED: {},
}
"""From each stage to each that may follow, and when it does."""


class IllegalTransition(Exception):
    """A step that the table does not have."""


def require_transition(before: Stage, after: Stage) -> None:
    """Raises IllegalTransition unless `after` may follow `before`."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"an offer cannot go from {before} to {after}")
