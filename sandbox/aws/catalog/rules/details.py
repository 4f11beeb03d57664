"""What the details of each change must look like.  Whatever is against it is refused at once."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, model_validator
from pydantic.alias_generators import to_pascal

Name = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\\<>]+$")]
Account = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Price = Annotated[str, StringConstraints(pattern=r"^(\d{1,8}|100000000)(\.\d{1,3})?$")]
"""Up to 3 decimals and 100,000,000."""
Amount = Annotated[str, StringConstraints(pattern=r"^(\d{1,8}|100000000)(\.\d{1,2})?$")]
"""Up to 2 decimals and 100,000,000."""
DimensionKey = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Currency = Annotated[str, StringConstraints(min_length=3, max_length=3)]
Allowance = Literal["Allowed", "Disallowed"]
PricingModel = Literal["Contract", "Usage", "Byol", "Free"]


class Part(BaseModel):
    """Names as on the wire, JSON types exactly, nothing unknown."""

    model_config = ConfigDict(
        alias_generator=to_pascal, extra="forbid", strict=True, validate_by_name=True
    )


class CreateOffer(Part):
    product_id: Annotated[str, StringConstraints(min_length=1, max_length=50)]
    name: Name | None = None
    offer_set_id: str | None = None


class CreateReplacementOffer(Part):
    agreement_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    name: Name | None = None


class PreExistingAgreement(Part):
    acquisition_channel: Literal["External", "AwsMarketplace"]
    pricing_model: PricingModel


class UpdateInformation(Part):
    name: Name | None = None
    description: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    pre_existing_agreement: PreExistingAgreement | None = None


class PositiveTargeting(Part):
    buyer_accounts: list[Account] | None = Field(default=None, min_length=1)
    country_codes: list[str] | None = Field(default=None, min_length=1, max_length=244)

    @model_validator(mode="after")
    def _someone(self) -> "PositiveTargeting":
        if not self.buyer_accounts and not self.country_codes:
            raise ValueError("BuyerAccounts or CountryCodes is required")
        return self


class UpdateTargeting(Part):
    positive_targeting: PositiveTargeting


class Grant(Part):
    dimension_key: DimensionKey
    max_quantity: int = Field(ge=1)


class FixedUpfrontPricingTerm(Part):
    type: Literal["FixedUpfrontPricingTerm"]
    currency_code: Currency
    price: Price
    grants: list[Grant] = Field(min_length=1)
    duration: str | None = None


class Rate(Part):
    dimension_key: DimensionKey
    price: Price


class Selector(Part):
    type: Literal["Duration"]
    value: str


class Constraints(Part):
    multiple_dimension_selection: Allowance
    quantity_configuration: Allowance


class UpfrontRateCard(Part):
    selector: Selector
    rate_card: list[Rate] = Field(min_length=1)
    constraints: Constraints


class ConfigurableUpfrontPricingTerm(Part):
    type: Literal["ConfigurableUpfrontPricingTerm"]
    currency_code: Currency
    rate_cards: list[UpfrontRateCard] = Field(min_length=1)


class UsageRateCard(Part):
    rate_card: list[Rate] = Field(min_length=1)


class UsageBasedPricingTerm(Part):
    type: Literal["UsageBasedPricingTerm"]
    currency_code: Currency
    rate_cards: list[UsageRateCard] = Field(min_length=1)


class ByolPricingTerm(Part):
    type: Literal["ByolPricingTerm"]


PricingTerm = Annotated[
    FixedUpfrontPricingTerm
    | ConfigurableUpfrontPricingTerm
    | UsageBasedPricingTerm
    | ByolPricingTerm,
    Field(discriminator="type"),
]


class UpdatePricingTerms(Part):
    pricing_model: PricingModel
    terms: list[PricingTerm] = Field(min_length=1)


class ValidityTerm(Part):
    type: Literal["ValidityTerm"]
    agreement_duration: str | None = None
    agreement_start_date: date | None = None
    agreement_end_date: date | None = None


class UpdateValidityTerms(Part):
    terms: list[ValidityTerm] = Field(min_length=1, max_length=1)


class Charge(Part):
    charge_date: date
    charge_amount: Amount


class PaymentScheduleTerm(Part):
    type: Literal["PaymentScheduleTerm"]
    currency_code: Currency
    schedule: list[Charge] = Field(min_length=1)


class UpdatePaymentScheduleTerms(Part):
    terms: list[PaymentScheduleTerm] = Field(min_length=1, max_length=1)


class NetPaymentTerm(Part):
    type: Literal["NetPaymentTerm"]
    payment_due_period: str


class UpdateNetPaymentTerms(Part):
    terms: list[NetPaymentTerm] = Field(min_length=1, max_length=1)


class StandardEula(Part):
    type: Literal["StandardEula"]
    version: str


class CustomEula(Part):
    type: Literal["CustomEula"]
    url: str


class LegalTerm(Part):
    type: Literal["LegalTerm"]
    documents: list[Annotated[StandardEula | CustomEula, Field(discriminator="type")]] = Field(
        min_length=1, max_length=1
    )


class UpdateLegalTerms(Part):
    terms: list[LegalTerm] = Field(min_length=1, max_length=1)


class UpdateAvailability(Part):
    availability_end_date: date | None = None


class SupportTerm(Part):
    type: Literal["SupportTerm"]
    refund_policy: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class UpdateSupportTerms(Part):
    terms: list[SupportTerm] = Field(min_length=1, max_length=1)


class ReleaseOffer(Part):
    pass


class Dimension(Part):
    key: DimensionKey
    name: str
    description: str
    types: list[str] = Field(min_length=1)
    unit: str


class AddDimensions(RootModel[list[Dimension]]):
    """Of a `SaaSProduct@1.0`, so that a new offer can price them."""


DETAILS: dict[str, type[BaseModel]] = {
    each.__name__: each
    for each in (
        CreateOffer,
        CreateReplacementOffer,
        UpdateInformation,
        UpdateTargeting,
        UpdatePricingTerms,
        UpdateValidityTerms,
        UpdatePaymentScheduleTerms,
        UpdateNetPaymentTerms,
        UpdateLegalTerms,
        UpdateAvailability,
        UpdateSupportTerms,
        ReleaseOffer,
        AddDimensions,
    )
}
"""By change type.  Left out: renewal terms and reseller markups, which nothing here sells with."""
