"""The content of every mail about one offer."""

from activities.email import buyer, finance, owner
from activities.email.message import EmailKind, EmailMessage
from offers.ids import opportunity_address
from offers.lifecycle.record import OfferRecord

DECIDED = {
    EmailKind.APPROVAL_REQUIRED: "Approve or decline",
    EmailKind.FINANCE_REFUND_REQUESTED: "Approve or decline the refund",
}
"""What the console's page of approvals is for."""


def compose(
    kind: EmailKind, record: OfferRecord, salesforce_url: str, console_url: str | None = None
) -> EmailMessage:
    """The mail of a kind; all but the buyer's link to the console and to the opportunity.

    `console_url`: None if there is no console.
    """
    if compose_for_buyer := buyer.MESSAGES.get(kind):
        return compose_for_buyer(record)
    message = (owner.MESSAGES | finance.MESSAGES)[kind](record)
    address = opportunity_address(salesforce_url, record.opportunity_id)
    opportunity = ("Open the opportunity", address)
    if console_url is None:
        return message.model_copy(update={"link": opportunity})
    if title := DECIDED.get(kind):
        link = (title, f"{console_url}/approvals")
    else:
        link = ("See the offer", f"{console_url}/offers/{record.path}")
    return message.model_copy(update={"link": link, "second_link": opportunity})
