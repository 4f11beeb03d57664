"""Models of the details of each change type.  AWS rejects a request that violates them at once."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_pascal

Name = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\\<>]+$")]
Account = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Price = Annotated[str, StringConstraints(pattern=r"^(\d{1,8}|100000000)(\.\d{1,3})?$")]
"""Up to 3 decimals and 100,000,000."""
Amount = Annotated[str, StringConstraints(pattern=r"^(\d{1,8}|100000000)(\.\d{1,2})?$")]
"""Up to 2 decimals and 100,000,000."""
DimensionKey = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Currency = Annotated[str, StringConstraints(min_length=3, max_length=3)]
AllowedOrDisallowed = Literal["Allowed", "Disallowed"]
PricingModel = Literal["Contract", "Usage", "Byol", "Free"]


class Details(BaseModel):
    """Names in PascalCase, strict JSON types, no unknown members."""

    model_config = ConfigDict(
        alias_generator=to_pascal, extra="forbid", strict=True, validate_by_name=True
    )


class Change(Details):
    """The details of a change; the name of the class is the change type."""


class CreateOffer(Change):
    product_id: Annotated[str, StringConstraints(min_length=1, max_length=50)]
    name: Name | None = None


class CreateReplacementOffer(Change):
    agreement_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    name: Name | None = None


class PreExistingAgreement(Details):
    acquisition_channel: Literal["External", "AwsMarketplace"]
    pricing_model: PricingModel


class UpdateInformation(Change):
    name: Name | None = None
    description: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    pre_existing_agreement: PreExistingAgreement | None = None


class PositiveTargeting(Details):
    buyer_accounts: list[Account] = Field(min_length=1)


class UpdateTargeting(Change):
    positive_targeting: PositiveTargeting


class Grant(Details):
    dimension_key: DimensionKey
    max_quantity: int = Field(ge=1)


class FixedUpfrontPricingTerm(Details):
    type: Literal["FixedUpfrontPricingTerm"]
    currency_code: Currency
    price: Price
    grants: list[Grant] = Field(min_length=1)


class Rate(Details):
    dimension_key: DimensionKey
    price: Price


class Selector(Details):
    type: Literal["Duration"]
    value: str


class Constraints(Details):
    multiple_dimension_selection: AllowedOrDisallowed
    quantity_configuration: AllowedOrDisallowed


class RateCard(Details):
    selector: Selector
    rate_card: list[Rate] = Field(min_length=1)
    constraints: Constraints


class ConfigurableUpfrontPricingTerm(Details):
    type: Literal["ConfigurableUpfrontPricingTerm"]
    currency_code: Currency
    rate_cards: list[RateCard] = Field(min_length=1)


PricingTerm = FixedUpfrontPricingTerm | ConfigurableUpfrontPricingTerm


class UpdatePricingTerms(Change):
    pricing_model: PricingModel
    terms: list[Annotated[PricingTerm, Field(discriminator="type")]] = Field(min_length=1)


class ValidityTerm(Details):
    type: Literal["ValidityTerm"]
    agreement_duration: str | None = None
    agreement_start_date: date | None = None
    agreement_end_date: date | None = None


class UpdateValidityTerms(Change):
    terms: list[ValidityTerm] = Field(min_length=1, max_length=1)


class Charge(Details):
    charge_date: date
    charge_amount: Amount


class PaymentScheduleTerm(Details):
    type: Literal["PaymentScheduleTerm"]
    currency_code: Currency
    schedule: list[Charge] = Field(min_length=1)


class UpdatePaymentScheduleTerms(Change):
    terms: list[PaymentScheduleTerm] = Field(min_length=1, max_length=1)


class NetPaymentTerm(Details):
    type: Literal["NetPaymentTerm"]
    payment_due_period: str


class UpdateNetPaymentTerms(Change):
    terms: list[NetPaymentTerm] = Field(min_length=1, max_length=1)


class StandardEula(Details):
    type: Literal["StandardEula"]
    version: str


class CustomEula(Details):
    type: Literal["CustomEula"]
    url: str


class LegalTerm(Details):
    type: Literal["LegalTerm"]
    documents: list[Annotated[StandardEula | CustomEula, Field(discriminator="type")]] = Field(
        min_length=1, max_length=1
    )


class UpdateLegalTerms(Change):
    terms: list[LegalTerm] = Field(min_length=1, max_length=1)


class UpdateAvailability(Change):
    availability_end_date: date | None = None


class ReleaseOffer(Change):
    pass


DETAILS = {each.__name__: each for each in Change.__subclasses__()}
"""By change type; all others are not simulated."""
