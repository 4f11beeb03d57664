"""Personal data and secrets are not in the repr of a model: logs and error texts show it."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

import activities
import offers

PRIVATE = {
    "buyer_email",
    "buyer_name",
    "by",
    "changed_by",
    "decided_by",
    "owner_email",
    "owner_name",
    "owner_time_zone",
    "owners",
    "proof",
    "requested_by",
    "roles",
    "to",
}
"""Fields that hold it in any model."""
ALSO = {
    "AccountAnswer": {"nonce"},
    "AccountLink": {"nonce"},
    "BroadcastEmail": {"key", "message"},
    "CancellationRequestInput": {"message"},
    "ConfirmationToken": {"nonce"},
    "Deal": {"owner"},
    "Digest": {"owner"},
    "DigestPlanRequest": {"known"},
    "KnownOwner": {"owner"},
    "OfferSummary": {"owner"},
    "Refund": {"description"},
    "RefundRequest": {"description"},
    "WebhookEndpoint": {"url"},
}
"""Elsewhere these hold none, or a model that hides its own; a nonce is half of a link."""


def models_of(package: ModuleType) -> Iterator[type[BaseModel]]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for each in vars(import_module(found.name)).values():
            is_model = isinstance(each, type) and issubclass(each, BaseModel)
            if is_model and each.__module__ == found.name:
                yield each


MODELS = [*models_of(offers), *models_of(activities)]


@pytest.mark.parametrize("model", MODELS)
def test_personal_data_is_not_shown(model: type[BaseModel]) -> None:
    values: dict[str, Any] = {name: f"<{name}>" for name in model.model_fields}
    shown = repr(model.model_construct(**values))
    hidden = {name for name, value in values.items() if value not in shown}
    private = PRIVATE | ALSO.get(model.__name__, set())
    assert hidden == private & model.model_fields.keys()
