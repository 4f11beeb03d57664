"""The state of one offer's workflow: everything that must survive a restart of the run.

Outside of it the workflow holds only handles of work in flight (tasks).
"""

from datetime import date
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.webhooks.delivery import EventDelivery
    from offers.agreements.agreement import AgreementStatus
    from offers.findings import Finding
    from offers.lifecycle.commands import TermChanges
    from offers.lifecycle.record import OfferRecord
    from offers.lifecycle.salesforce_fields import OpportunityUpdate
    from offers.lifecycle.webhook_events import Reported
    from offers.payouts.model import Payout
    from offers.preflight.marketplace import ObservedOffer
    from offers.stage import Stage
    from offers.terms.terms import OfferTerms


class Control(BaseModel):
    """What was asked or reported and is not done yet."""

    changes: TermChanges = TermChanges()
    """What overrules the opportunity's terms."""
    changes_version: int = 0
    """Counts the changes of `changes`."""
    checked_version: int = -1
    """The version that preflight has reported on."""
    withdraw_to: Stage | None = None
    """What this revision is given up for: `cancelled`, or `draft` to be created otherwise."""
    cancel_requested: bool = False
    """Whether Temporal's own cancellation was requested: nobody follows the offer any more."""
    closing: bool = False
    """Whether the last stage is over: requests are not followed any more."""
    not_found_reason: str | None = None
    """Why the offer could not be started, if there is no such opportunity."""
    agreement_reported: bool = False
    """Whether AWS is to be asked for the agreement: something was reported of it."""
    reminded_until: AwareDatetime | None = None
    """Until when the buyer's reminders have been sent, or left out because they came too late."""
    stage_attention: int | None = None
    """The number of the attention that the stage waits for."""
    replan: bool = False
    """Whether something has changed that the stage plans its waiting by."""


class AcceptanceState(BaseModel):
    """What is known of agreements besides the record's."""

    rolled_back: set[str] = Field(default_factory=set)
    """The ids of the agreements that AWS rolled back."""
    followed: tuple[str, AgreementStatus] | None = None
    """The agreement, and its status whose consequences have been drawn."""


class ApprovalsState(BaseModel):
    """What those who may approve have been told."""

    notified_of: tuple[int, tuple[Finding, ...], tuple[Finding, ...]] | None = None
    """The revision, what blocked it, and what of that needed approval."""
    requested_at: AwareDatetime | None = None
    reminded_until: AwareDatetime | None = None
    """Until when reminders have been sent, or left out."""
    attentions: tuple[int, ...] = ()
    """The numbers of the attentions that the stage waits for; empty when it does not wait."""
    decisions: int = 0
    """How many decisions there were when it began to wait."""


class BuyerConfirmationState(BaseModel):
    """The buyer's confirmation of the account, besides what is on record."""

    checked: tuple[int, bool, bool] | None = None
    """When the findings were made: the link's number, and whether it was answered or had expired.
    None if no confirmation is needed."""
    reminded_until: AwareDatetime | None = None
    """Until when the buyer's reminders have been sent, or left out."""
    expired: int | None = None
    """The number of the last link whose timer for its end has fired."""


class NotificationsState(BaseModel):
    """What has been sent."""

    resends: int = 0
    """Counts the mails that a person had sent again."""
    terms_version: int = 0
    """Counts the changes of what mails to the buyer say."""
    stages_notified: set[str] = Field(default_factory=set)
    """The stages, each with its occasion, that the owner has been told of."""
    replaced_offer: OfferRecord | None = None
    """What the buyer was told is being changed, until the changed offer has been shared."""
    deliveries_unknown: int = 0
    """How many mails to the buyer may or may not have been sent."""


class EditRequest(BaseModel):
    """A request to change a released offer in place, and what came of it."""

    changes: dict[str, Any]
    done: bool = False
    rejection: str | None = None
    """Why it was not done."""


class EditsState(BaseModel):
    """The changes in place that are still to be made, in the order of the requests."""

    pending: list[EditRequest] = Field(default_factory=list)
    requests: int = 0
    """Counts the requests to AWS that change the released offer: each number names one."""
    draining: bool = False
    """Whether no further change is begun, because the offer is being withdrawn."""


class PublicationState(BaseModel):
    """The change set that creates the offer."""

    delayed_at: AwareDatetime
    """When people are told that it takes unusually long."""
    attention: int | None = None
    """The number of that attention."""
    finish_reported: bool = False
    stop_requested: bool = False
    """Whether AWS has been asked to cancel the change set."""


class ClazarHandoffState(BaseModel):
    """An offer that a person is to create in Clazar."""

    reference: str
    """What its name must contain."""
    requested_terms: OfferTerms
    since: AwareDatetime
    attention: int | None = None
    """The number of the attention that the offer is to be created."""
    reminded_until: AwareDatetime
    """Until when the owner's reminders have been sent, or left out."""
    named_offer_id: str | None = None
    """The id that a person says it has."""
    found_offer_id: str | None = None
    """The offer that contains the reference, once Clazar or AWS shows it."""
    differences: tuple[Finding, ...] = ()
    """Between the requested terms and those of the created offer."""


class AmendmentsState(BaseModel):
    """The child workflows."""

    last_started: int = 0
    """The number of the last amendment whose workflow has started."""
    closed: set[int] = Field(default_factory=set)
    """The numbers of those whose workflows have closed, whichever closed first."""
    cancelling: int | None = None
    """The number of the amendment that is cancelled because the agreement is over."""


class AgreementCancellationState(BaseModel):
    """Our requests to cancel the agreement."""

    number: int = 0
    """Counts them: each number names one request in AWS."""
    submitting: bool = False
    update_reported: bool = False


class OverduePayout(BaseModel):
    """What is overdue, as finance knows it."""

    what: str
    attention: int
    """The number of the attention."""
    since: date
    """The UTC day on which finance was told first."""


class PayoutTrackingState(BaseModel):
    """What the payout data reported, besides what is on record."""

    reported: Payout | None = None
    doubted: Payout | None = None
    """What was reported last and shows less than was known."""
    paused_on: date | None = None
    """The UTC day on which AWS last said that it pays nothing out."""
    overdue: OverduePayout | None = None
    reminded_on: date | None = None


class RefundsState(BaseModel):
    """What waits for people because of refunds."""

    approvals: dict[int, int] = Field(default_factory=dict)
    """By a refund's number, that of the attention that it waits for approval."""
    delayed: dict[str, int] = Field(default_factory=dict)
    """By a refund's reference and status, the number of the attention that it is late."""


class RenewalRemindersState(BaseModel):
    """What the owner was told of the agreement's end."""

    reminded_until: AwareDatetime | None = None
    """Until when reminders have been sent, or left out."""


class ClazarLinkState(BaseModel):
    """What Clazar shows of the offer."""

    observed: dict[str, ObservedOffer] = Field(default_factory=dict)
    """By offer id, what Clazar or AWS showed, perhaps before anybody waited for it."""
    offer_id: str | None = None
    """The offer that is to be linked; None if it is linked, or there is none."""
    attention: int | None = None
    """The number of the attention that Clazar does not show it."""
    overdue: bool = False
    """Whether Clazar has had more time than the policy gives it to show the offer."""


class SalesforceSyncState(BaseModel):
    """What is still to be written to Salesforce, the oldest first."""

    pending: list[OpportunityUpdate] = Field(default_factory=list)
    writing: OpportunityUpdate | None = None
    written: OpportunityUpdate | None = None
    """What was written last."""


class WebhooksState(BaseModel):
    """The events for other systems."""

    reported: Reported = Reported()
    """Up to where events have been made, whether or not anybody wanted them."""
    events: int = 0
    """Counts the events; each has its number."""
    pending: list[EventDelivery] = Field(default_factory=list)
    """Those that are still to be delivered, the oldest first."""
    failed: list[EventDelivery] = Field(default_factory=list)
    """Those that were given up, until a person has them sent again."""
    attention: int | None = None
    """The number of the attention about them."""


class OfferState(BaseModel):
    """The whole state."""

    record: OfferRecord
    control: Control = Field(default_factory=Control)
    attentions_raised: int = 0
    """Counts the attentions; each has its number."""
    acceptance: AcceptanceState = Field(default_factory=AcceptanceState)
    approvals: ApprovalsState = Field(default_factory=ApprovalsState)
    buyer_confirmation: BuyerConfirmationState = Field(default_factory=BuyerConfirmationState)
    notifications: NotificationsState = Field(default_factory=NotificationsState)
    edits: EditsState = Field(default_factory=EditsState)
    publication: PublicationState | None = None
    clazar_handoff: ClazarHandoffState | None = None
    clazar_link: ClazarLinkState = Field(default_factory=ClazarLinkState)
    amendments: AmendmentsState = Field(default_factory=AmendmentsState)
    agreement_cancellation: AgreementCancellationState = Field(
        default_factory=AgreementCancellationState
    )
    payout_tracking: PayoutTrackingState = Field(default_factory=PayoutTrackingState)
    refunds: RefundsState = Field(default_factory=RefundsState)
    renewal_reminders: RenewalRemindersState = Field(default_factory=RenewalRemindersState)
    salesforce_sync: SalesforceSyncState = Field(default_factory=SalesforceSyncState)
    webhooks: WebhooksState = Field(default_factory=WebhooksState)
