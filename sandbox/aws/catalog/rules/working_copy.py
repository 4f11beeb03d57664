"""A working copy of the entities that a change set changes, and the problems found in it."""

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
    """Copies of the entities that a change set changes; `save` writes them to the world."""

    world: World
    today: date
    """The date (UTC) of the request: dates in the changes must not be before it."""
    offers: dict[str, Offer] = field(default_factory=dict)
    dimensions: list[str] = field(default_factory=list)
    """The product's dimension keys, including those that this change set adds."""

    def __post_init__(self) -> None:
        self.dimensions = list(self.world.aws.dimensions)

    def offer(self, offer_id: str) -> Offer:
        """The copy of an offer."""
        if offer_id not in self.offers:
            self.offers[offer_id] = deepcopy(self.world.aws.offers[offer_id])
        return self.offers[offer_id]

    def add(self, offer: Offer) -> None:
        """Add a new offer."""
        self.offers[offer.id] = offer

    def save(self) -> None:
        """Write all changes to the world."""
        added = [key for key in self.dimensions if key not in self.world.aws.dimensions]
        self.world.aws.dimensions += tuple(added)
        for offer in self.offers.values():
            if offer.id in self.world.aws.offers:
                offer.revision += 1
            offer.last_modified = self.world.now()
            self.world.aws.offers[offer.id] = offer
