"""Which Salesforce field means what: every org names its fields differently."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FieldPath = str
"""A field of the Opportunity, or a path through a parent such as `Account.Name`."""

ReadName = Literal[
    "company",
    "amount",
    "currency",
    "buyer_account",
    "buyer_email",
    "buyer_name",
    "buyer_time_zone",
    "owner_email",
    "owner_name",
    "offer_name",
    "duration_months",
    "availability_end",
]
WriteName = Literal[
    "stage",
    "offer_id",
    "offer_url",
    "expires_at",
    "change_set_id",
    "agreement_id",
    "accepted_at",
    "amount",
    "listing_fee",
    "net_amount",
    "disbursed_amount",
    "disbursed_on",
    "attention",
    "updated_at",
]


class FieldMap(BaseModel):
    """The fields that are read for a draft, and those that an offer's life is written to.

    A name that an org has no field for is left out.  Without `currency`, `default_currency` holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: dict[ReadName, FieldPath]
    write: dict[WriteName, str]
    default_currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
