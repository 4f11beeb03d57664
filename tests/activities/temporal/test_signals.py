"""Signals to offers: what Temporal does not take fails the activity, which is tried again."""

import socket

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.temporal.signals import OfferSignals, OurOffer
from offers.preflight.marketplace import ObservedOffer


async def test_signal_that_is_not_taken_fails_the_activity() -> None:
    offer = ObservedOffer(offer_id="offer-1")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen
        client = await Client.connect(
            f"127.0.0.1:{nobody.getsockname()[1]}",
            lazy=True,
            data_converter=pydantic_data_converter,
        )
        ours = OurOffer(workflow_id="offer/1", is_known=True, observed=offer)
        with pytest.raises(RuntimeError, match="onnect"):
            await OfferSignals(client).signal_observed_offers([ours])
