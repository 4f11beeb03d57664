"""What goes into an offer's workflow from outside."""

from typing import Any

from pydantic import Field
from temporalio import workflow

from workflows.offer.state import OfferState

with workflow.unsafe.imports_passed_through():
    from offers.agreements.amendment_pricing import OriginalOffer
    from offers.clock import Clock
    from offers.lifecycle.record import PreviousRevision
    from offers.model import FrozenModel
    from offers.policy.policy import CreationMethod


class OfferRequest(FrozenModel):
    """Which opportunity an offer is to be made for."""

    opportunity_id: str
    """In its 18-character form."""
    terms: dict[str, Any] = Field(default_factory=dict)
    """Fields of `OfferTerms` and `Contacts` that overrule the opportunity's."""
    by: str | None = Field(default=None, repr=False)
    """Mail address of who gave these terms, as they gave it.  Personal data."""
    revision: int = 1
    """Above 1 when an earlier offer for the opportunity has ended."""
    previous_revisions: tuple[PreviousRevision, ...] = ()
    """The revisions before this one, the oldest first; one may have been accepted so late that
    nobody saw it."""
    amendment: int = 0
    """0 for the opportunity's own offer, or which amendment of it this is."""
    amends: OriginalOffer | None = None
    """For an amendment, the accepted offer that it changes."""
    earlier_amendments: int = 0
    """How many amendments the opportunity has had: their numbers name requests in AWS for ever."""
    method: CreationMethod | None = None
    """How it is to be made; None: as the policy says."""
    clock: Clock = Clock()
    """The starter's clock, until the draft brings the worker's."""
    state: OfferState | None = None
    """For a run that continues another: where that one left off; it holds all of the above."""
