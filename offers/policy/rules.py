"""The selling rules: what a company sells, and what becomes of a deal that is an exception.

The defaults are the handbook's ("Procuring and selling via AWS"); each quotes its line.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from offers.findings import Finding, Severity, illegal

DEAL_DESK = "deal-desk"
LEGAL = "legal"


class Rule(BaseModel):
    """What becomes of a deal that is against a rule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    then: Literal["refuse", "approval", "warn", "off"]
    by: str | None = None
    """The role that may approve; for `approval` only."""
    line: str = Field(min_length=1, max_length=300)
    """The rule as people know it: it is quoted in each finding."""

    @model_validator(mode="after")
    def _approved_by_someone(self) -> Self:
        if self.then == "approval" and not self.by:
            raise illegal("an approval needs a role", 'Name it, such as by = "deal-desk"')
        if self.then != "approval" and self.by:
            raise illegal(
                f"a role approves nothing that is {self.then}",
                'Remove by, or write then = "approval"',
            )
        return self

    def broken(
        self, code: str, field: str, problem: str, remedy: str, seen: str | None = None
    ) -> tuple[Finding, ...]:
        """The finding for a deal that is against the rule; none if the rule is off."""
        if self.then == "off":
            return ()
        return (
            Finding(
                code=code,
                severity=Severity(self.then),
                field=field,
                problem=problem,
                remedy=remedy,
                seen=seen,
                role=self.by,
                rule=self.line,
            ),
        )


class Rules(BaseModel):
    """Every rule.  A file that gives a part of one keeps the rest of its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    annual: Rule = Rule(
        then="approval",
        by=DEAL_DESK,
        line="Contract Duration - 12 months (we're annual only right now)",
    )
    upfront: Rule = Rule(
        then="approval", by=DEAL_DESK, line="Set as upfront payment (non-FPS offer)"
    )
    minimum: Rule = Rule(
        then="approval", by=DEAL_DESK, line="Minimum $100k deal size (this is flexible)"
    )
    days_to_accept: Rule = Rule(
        then="warn", line="Expiry on the offer itself. Usually 30 days out is fine."
    )
    standard_contract: Rule = Rule(
        then="approval",
        by=LEGAL,
        line="Use Standard Contract for AWS Marketplace unless legal says otherwise",
    )
    signed_order_form: Rule = Rule(
        then="refuse", line='Have signed order form with "AWS Marketplace" as the billing method'
    )
    billing_method: Rule = Rule(
        then="refuse", line='Have signed order form with "AWS Marketplace" as the billing method'
    )
    order_form: Rule = Rule(then="refuse", line="Document everything in Salesforce")
    """The opportunity says what the customer signed."""
    order_form_company: Rule = Rule(
        then="approval", by=DEAL_DESK, line="Document everything in Salesforce"
    )
    others_account: Rule = Rule(
        then="approval",
        by=DEAL_DESK,
        line="Double-check AWS Account IDs: this is where most mistakes happen",
    )
    usual_account: Rule = Rule(
        then="warn", line="Double-check AWS Account IDs: this is where most mistakes happen"
    )
    active_agreement: Rule = Rule(
        then="refuse",
        line="AWS: one active SaaS contract per account and product; change it by an"
        " agreement-based offer",
    )
    open_offer: Rule = Rule(
        then="refuse", line="One signed opportunity, exactly one acceptable offer"
    )
    hand_off_difference: Rule = Rule(
        then="approval", by=DEAL_DESK, line="Double-check what was made in Clazar"
    )
    amendment: Rule = Rule(
        then="approval",
        by=DEAL_DESK,
        line="Create an Agreement-Based Offer (ABO) for modifications",
    )
    """The sums of an amendment, which no field of the order form can be held against."""
    renewal_flag: Rule = Rule(
        then="warn", line="AWS: flag a renewal only if it is one; the flag may be audited"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _completed(cls, given: Any, info: ValidationInfo) -> Any:
        if isinstance(given, Mapping) and info.field_name:
            default: Rule = cls.model_fields[info.field_name].default
            whole = default.model_dump()
            if given.get("then", default.then) != "approval" and "by" not in given:
                del whole["by"]
            return whole | dict(given)
        return given

    @model_serializer(mode="wrap")
    def _without_defaults(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Each offer's record carries its policy into every call; the rules are most of it.
        return {
            name: rule
            for name, rule in whole(self).items()
            if getattr(self, name) != type(self).model_fields[name].default
        }

    def roles(self) -> frozenset[str]:
        """The roles that may have to approve something."""
        rules = (getattr(self, name) for name in type(self).model_fields)
        return frozenset(rule.by for rule in rules if rule.by)
