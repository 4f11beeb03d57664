"""The content of every mail about one offer."""

from activities.email import buyer, finance, owner
from activities.email.message import EmailKind, EmailMessage
from offers.ids import opportunity_address
from offers.lifecycle.record import OfferRecord


def compose(kind: EmailKind, record: OfferRecord, salesforce_url: str) -> EmailMessage:
    """The mail of a kind; all but the buyer's link to the opportunity in Salesforce."""
    if compose_for_buyer := buyer.MESSAGES.get(kind):
        return compose_for_buyer(record)
    message = (owner.MESSAGES | finance.MESSAGES)[kind](record)
    address = opportunity_address(salesforce_url, record.opportunity_id)
    return message.model_copy(update={"link": ("Open the opportunity", address)})
