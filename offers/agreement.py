"""The agreement: AWS's evidence that a buyer accepted an offer."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from offers.money import Money


class AgreementStatus(StrEnum):
    """Where an agreement is in its life (AWS: marketplace-agreement)."""

    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    RENEWED = "RENEWED"
    REPLACED = "REPLACED"
    ROLLED_BACK = "ROLLED_BACK"
    SUPERSEDED = "SUPERSEDED"
    TERMINATED = "TERMINATED"


class AgreementReport(BaseModel):
    """What a feed said of an agreement: a hint to look, not yet the evidence."""

    model_config = ConfigDict(frozen=True)

    agreement_id: str
    offer_id: str
    status: str
    updated_at: AwareDatetime


class Agreement(BaseModel):
    """An agreement as AWS shows it.  Instants are UTC."""

    model_config = ConfigDict(frozen=True)

    agreement_id: str
    offer_id: str
    buyer_account: str
    status: AgreementStatus
    accepted_at: AwareDatetime
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None = None
    value: Money | None = None
    """The total contract value, before tax."""

    @property
    def is_acceptance(self) -> bool:
        """Whether it proves an acceptance that stands or stood.

        A rolled-back one does not: AWS undid it within minutes, and the buyer may accept again.
        """
        return self.status is not AgreementStatus.ROLLED_BACK
