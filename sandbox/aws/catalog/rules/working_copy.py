"""A working copy of the offers that a change set changes, and the problems found in it."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sandbox.aws.marketplace_state import Offer
from sandbox.world import World


class Problem(NamedTuple):
    """An entry of a change's error list."""

    code: str
    message: str


@dataclass
class WorkingCopy:
    """Copies of the offers that a change set changes; `save` writes them to the world."""

    world: World
    today: date
    """The date (UTC) of the request: dates in the changes must not be before it."""
    offers: dict[str, Offer] = field(default_factory=dict)

    def offer(self, offer_id: str) -> Offer:
        if offer_id not in self.offers:
            self.offers[offer_id] = deepcopy(self.world.aws.offers[offer_id])
        return self.offers[offer_id]

    def add(self, offer: Offer) -> str:
        """Add a new offer; its id."""
        self.offers[offer.id] = offer
        return offer.id

    def save(self) -> list[Offer]:
        """Write all changes to the world; the offers that are now released."""
        released = []
        for offer in self.offers.values():
            if offer.id in self.world.aws.offers:
                offer.revision += 1
            offer.last_modified = self.world.now()
            if offer.state == "Released" and offer.released_at is None:
                offer.released_at = self.world.now()
                released.append(offer)
            self.world.aws.offers[offer.id] = offer
        return released
