"""Finds the agreement that a deal renews: the opportunity names it, or the one it was sold by."""

from typing import Any

from pydantic_core import PydanticCustomError
from temporalio.exceptions import ApplicationError

from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.errors import Failure
from activities.salesforce.opportunities import Opportunities
from offers.agreements.agreement import Agreement
from offers.agreements.renewal import REMEDY, RenewedReference, parse_renewed
from offers.findings import illegal
from offers.preflight.renewal import Renewal, not_found


class RenewalLookup:
    """Reads Salesforce and AWS, and writes nothing."""

    def __init__(self, opportunities: Opportunities, marketplace: MarketplaceLookup) -> None:
        self._opportunities = opportunities
        self._marketplace = marketplace

    def look(self, renews: Any, opportunity_id: str) -> Renewal:
        """What the value in an opportunity's field `renews` means.

        Raises the ApplicationError to fail with.
        """
        try:
            named = parse_renewed(renews)
            if named.opportunity_id == opportunity_id:
                raise illegal("it is this very opportunity", REMEDY)
            return Renewal(agreement=self._agreement(named))
        except PydanticCustomError as error:
            why = error.context or {}
            return not_found(str(renews), why["problem"], why["remedy"])

    def _agreement(self, named: RenewedReference) -> Agreement:
        agreement_id = named.agreement_id
        if named.opportunity_id is not None:
            agreement_id = self._agreement_id(named.opportunity_id)
        if agreement_id is None:
            raise illegal(
                "Salesforce shows no agreement of that opportunity",
                "Name the opportunity that was sold, or its agreement (agmt-…)",
            )
        if (agreement := self._marketplace.find_agreement(agreement_id)) is None:
            raise illegal(f"AWS shows us no agreement {agreement_id}", REMEDY)
        return agreement

    def _agreement_id(self, opportunity_id: str) -> str | None:
        if not self._opportunities.knows_agreements:
            raise illegal(
                "the field map does not say where the agreement of an opportunity is written",
                "Add write.agreement_id to it, or give the agreement's id (agmt-…) instead",
            )
        try:
            return self._opportunities.agreement_of(opportunity_id)
        except ApplicationError as error:
            if error.type != Failure.NOT_FOUND:
                raise
            raise illegal("Salesforce has no such opportunity", REMEDY) from None
