"""The copies on which a change set is tried out, and the problems that are found."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sandbox.world import Offer, World


class Problem(NamedTuple):
    """An entry of a change's error list."""

    code: str
    message: str


@dataclass
class WorkingCopy:
    """What a change set makes of the entities it touches; nothing of it is real yet."""

    world: World
    today: date
    """The day (UTC) on which the change set was requested: dates may not lie before it."""
    offers: dict[str, Offer] = field(default_factory=dict)
    dimensions: list[str] = field(default_factory=list)
    """The product's dimension keys, those added by this change set included."""

    def __post_init__(self) -> None:
        self.dimensions = list(self.world.dimensions)

    def offer(self, offer_id: str) -> Offer:
        """The copy of an existing offer."""
        if offer_id not in self.offers:
            self.offers[offer_id] = deepcopy(self.world.offers[offer_id])
        return self.offers[offer_id]

    def add(self, offer: Offer) -> None:
        """A new offer."""
        self.offers[offer.id] = offer

    def commit(self) -> None:
        """Make all of it real."""
        added = [key for key in self.dimensions if key not in self.world.dimensions]
        self.world.dimensions += tuple(added)
        for offer in self.offers.values():
            if offer.id in self.world.offers:
                offer.revision += 1
            offer.last_modified = self.world.now()
            self.world.offers[offer.id] = offer
