"""What attentions, mails and the diagnosis say of the same things."""

CREATION_REMEDY = "Ask AWS about the change set if it goes on; the workflow goes on waiting for it"
NOT_IN_CLAZAR = "Clazar does not show the offer"

BUYER_PERMISSION = "AWSMarketplaceManageSubscriptions"
"""The AWS managed policy that lets a person accept (AWS: buyer's guide)."""

PRIVATE_OFFERS_PAGE = (
    "https://us-east-1.console.aws.amazon.com/marketplace/home?region=us-east-1#/private-offers"
)
"""Lists every offer that was made to the account that a buyer is signed in to."""
