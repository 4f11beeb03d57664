"""An offer's record as programs read it."""

from typing import Any

from offers.lifecycle.record import OfferRecord


def record_data(record: OfferRecord) -> dict[str, Any]:
    """The record as JSON data, without who may approve: that is not for everybody.

    Neither are the addresses of webhooks, which may contain a token.
    """
    return record.model_dump(mode="json", exclude={"policy": {"roles", "webhooks"}})
