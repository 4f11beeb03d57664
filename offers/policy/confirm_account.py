"""Whether the buyer confirms the AWS account before an offer is created: a part of the policy."""

from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from offers.model import FrozenModel
from offers.policy.durations import Interval, Reminders
from offers.policy.rules import DEAL_DESK


class ConfirmAccount(FrozenModel, extra="forbid"):
    """A file may give the action alone: `confirm_account = "required"`."""

    action: Literal["off", "approval", "required"] = "off"
    """`approval`: the offer waits for the buyer, or for somebody who approves to go on without."""
    approver_role: str = Field(default=DEAL_DESK, min_length=1, max_length=100)
    """The role that may approve that; for `approval` only."""
    within: Interval = timedelta(days=14)
    """How long the buyer can use a link."""
    remind_after: Reminders = (timedelta(days=3), timedelta(days=7))
    """When the buyer is reminded, from the first mail."""

    @model_validator(mode="before")
    @classmethod
    def _action_alone(cls, given: Any) -> Any:
        return {"action": given} if isinstance(given, str) else given

    @model_serializer(mode="wrap")
    def _without_defaults(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Each offer's record carries its policy into every call.
        fields = type(self).model_fields
        return {n: v for n, v in whole(self).items() if getattr(self, n) != fields[n].default}

    @property
    def is_on(self) -> bool:
        """Whether buyers are asked."""
        return self.action != "off"

    @property
    def role(self) -> str | None:
        """Who may approve to go on without; None: nobody may."""
        return self.approver_role if self.action == "approval" else None
