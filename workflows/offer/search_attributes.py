"""What of an offer can be searched for: no personal data, for these are kept in the clear."""

from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate, TypedSearchAttributes

with workflow.unsafe.imports_passed_through():
    from offers.lifecycle.record import OfferRecord

STAGE = SearchAttributeKey.for_keyword("OfferStage")
OFFER_ID = SearchAttributeKey.for_keyword("OfferId")
AGREEMENT_ID = SearchAttributeKey.for_keyword("AgreementId")
STAGE_SINCE = SearchAttributeKey.for_datetime("OfferStageSince")
EXPIRES_AT = SearchAttributeKey.for_datetime("OfferExpiresAt")
RENEWS = SearchAttributeKey.for_keyword("RenewedAgreementId")
"""The first agreement of the chain that an offer renews."""
ATTENTION = SearchAttributeKey.for_keyword("OfferAttention")

KEYS = (STAGE, STAGE_SINCE, OFFER_ID, AGREEMENT_ID, EXPIRES_AT, RENEWS, ATTENTION)
"""All of them; the server must know them before the first offer is started."""

Values = dict[SearchAttributeKey[Any], str | datetime | None]


def values(record: OfferRecord) -> Values:
    """The attributes of an offer; None where it has none."""
    return {
        STAGE: record.stage.value,
        # Business time; it changes with the stage, and so costs no upsert of its own.
        STAGE_SINCE: record.history[-1].at if record.history else None,
        OFFER_ID: record.last_offer_id,
        AGREEMENT_ID: record.agreement.agreement_id if record.agreement else None,
        EXPIRES_AT: record.expires_at,
        RENEWS: record.renews,
        ATTENTION: record.attention_code,
    }


def changed_values(
    before: TypedSearchAttributes, after: Values
) -> list[SearchAttributeUpdate[Any]]:
    """What must be upserted so that search shows the values."""
    known = {pair.key: pair.value for pair in before.search_attributes}
    return [
        key.value_unset() if value is None else key.value_set(value)
        for key, value in after.items()
        if known.get(key) != value
    ]
