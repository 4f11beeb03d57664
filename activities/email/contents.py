"""The words of every mail, by occasion."""

from activities.email import buyer, finance, owner
from activities.email.message import EmailKind, EmailMessage
from offers.lifecycle.record import OfferRecord


def write(kind: EmailKind, record: OfferRecord, salesforce_url: str) -> EmailMessage:
    """The letter for an occasion in an offer's life; our own people get a link to Salesforce."""
    if to_buyer := buyer.LETTERS.get(kind):
        return to_buyer(record)
    letter = (owner.LETTERS | finance.LETTERS)[kind](record)
    address = f"{salesforce_url}/lightning/r/Opportunity/{record.opportunity_id}/view"
    return letter.model_copy(update={"link": ("Open the opportunity", address)})
