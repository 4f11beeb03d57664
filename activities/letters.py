"""The words of every mail, by occasion."""

from activities import letters_to_buyers, letters_to_finance, letters_to_sellers
from activities.letter import Letter, MailKind
from offers.record import OfferRecord


def write(kind: MailKind, record: OfferRecord, salesforce_url: str) -> Letter:
    """The letter for an occasion in an offer's life; our own people get a link to Salesforce."""
    if to_buyer := letters_to_buyers.LETTERS.get(kind):
        return to_buyer(record)
    letter = (letters_to_sellers.LETTERS | letters_to_finance.LETTERS)[kind](record)
    address = f"{salesforce_url}/lightning/r/Opportunity/{record.opportunity_id}/view"
    return letter.model_copy(update={"link": ("Open the opportunity", address)})
