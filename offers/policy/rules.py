"""The selling rules: what a company sells, and what becomes of a deal that is an exception.

The defaults are the handbook's ("Procuring and selling via AWS"); each quotes its line.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from offers.findings import Finding, Severity, illegal
from offers.model import FrozenModel

DEAL_DESK = "deal-desk"
LEGAL = "legal"


class Rule(FrozenModel, extra="forbid"):
    """What happens to a deal that is against a rule."""

    action: Literal["refuse", "approval", "warn", "off"]
    approver_role: str | None = None
    """The role that may approve; for `approval` only."""
    text: str = Field(min_length=1, max_length=300)
    """The rule in the company's own words: it is quoted in each finding."""

    @model_validator(mode="after")
    def _approved_by_someone(self) -> Self:
        if self.action == "approval" and not self.approver_role:
            raise illegal(
                "an approval needs a role", 'Name it, such as approver_role = "deal-desk"'
            )
        if self.action != "approval" and self.approver_role:
            raise illegal(
                f"a role approves nothing that is {self.action}",
                'Remove approver_role, or write action = "approval"',
            )
        return self

    def violation(
        self, code: str, field: str, problem: str, remedy: str, seen: str | None = None
    ) -> tuple[Finding, ...]:
        """The finding for a deal that is against the rule; none if the rule is off."""
        if self.action == "off":
            return ()
        return (
            Finding(
                code=code,
                severity=Severity(self.action),
                field=field,
                problem=problem,
                remedy=remedy,
                seen=seen,
                role=self.approver_role,
                rule=self.text,
            ),
        )


class Rules(FrozenModel, extra="forbid", validate_default=True):
    """Every rule.  A file that gives a part of one keeps the rest of its default."""

    annual: Rule = Rule(
        action="approval",
        approver_role=DEAL_DESK,
        text="Contract Duration - 12 months (we're annual only right now)",
    )
    upfront: Rule = Rule(
        action="approval", approver_role=DEAL_DESK, text="Set as upfront payment (non-FPS offer)"
    )
    minimum: Rule = Rule(
        action="approval",
        approver_role=DEAL_DESK,
        text="Minimum $100k deal size (this is flexible)",
    )
    days_to_accept: Rule = Rule(
        action="warn", text="Expiry on the offer itself. Usually 30 days out is fine."
    )
    standard_contract: Rule = Rule(
        action="approval",
        approver_role=LEGAL,
        text="Use Standard Contract for AWS Marketplace unless legal says otherwise",
    )
    signed_order_form: Rule = Rule(
        action="refuse", text='Have signed order form with "AWS Marketplace" as the billing method'
    )
    billing_method: Rule = Rule(
        action="refuse", text='Have signed order form with "AWS Marketplace" as the billing method'
    )
    order_form: Rule = Rule(action="refuse", text="Document everything in Salesforce")
    """The opportunity says what the customer signed."""
    order_form_company: Rule = Rule(
        action="approval", approver_role=DEAL_DESK, text="Document everything in Salesforce"
    )
    payment_terms: Rule = Rule(
        action="off", text="The offer's payment terms are those of the order form"
    )
    """The offer has payment terms of its own, which the order form names: without them the buyer's
    default at AWS holds, which a seller cannot see."""
    start_date: Rule = Rule(
        action="off", text="A new contract starts when it is accepted, a renewal on its day"
    )
    account_of_other_customer: Rule = Rule(
        action="approval",
        approver_role=DEAL_DESK,
        text="Double-check AWS Account IDs: this is where most mistakes happen",
    )
    account_of_last_purchase: Rule = Rule(
        action="warn", text="Double-check AWS Account IDs: this is where most mistakes happen"
    )
    active_agreement: Rule = Rule(
        action="refuse",
        text="AWS: one active SaaS contract per account and product; change it by an"
        " agreement-based offer",
    )
    open_offer: Rule = Rule(
        action="refuse", text="One signed opportunity, exactly one acceptable offer"
    )
    clazar_difference: Rule = Rule(
        action="approval", approver_role=DEAL_DESK, text="Double-check what was created in Clazar"
    )
    amendment: Rule = Rule(
        action="approval",
        approver_role=DEAL_DESK,
        text="Create an Agreement-Based Offer (ABO) for modifications",
    )
    """The pricing of an amendment, which no field of the order form can be compared with."""
    renewal_flag: Rule = Rule(
        action="warn", text="AWS: flag a renewal only if it is one; the flag may be audited"
    )
    renewal: Rule = Rule(
        action="approval",
        approver_role=DEAL_DESK,
        text="A renewal is for the same account, and starts on the day after the earlier end",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _completed(cls, given: Any, info: ValidationInfo) -> Any:
        if isinstance(given, Mapping) and info.field_name:
            default: Rule = cls.model_fields[info.field_name].default
            whole = default.model_dump()
            if given.get("action", default.action) != "approval" and "approver_role" not in given:
                del whole["approver_role"]
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
        return frozenset(rule.approver_role for rule in rules if rule.approver_role)
