"""What whole vendors cause: refused credentials and missing answers, over all offers."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from pydantic import AwareDatetime
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from activities.errors import unavailable
from activities.temporal.offer_summaries import list_offers
from offers.lifecycle.attentions import Attention, AttentionCode, Vendor
from offers.model import FrozenModel

WAITING = "OfferAttention IS NOT NULL AND ExecutionStatus = 'Running'"


class VendorProblem(FrozenModel):
    """A vendor that holds offers up."""

    vendor: Vendor
    code: AttentionCode
    offers: int
    """How many."""
    since: AwareDatetime
    """Since when the first of them waits: UTC, business time."""
    problem: str
    """As the first of them has it."""

    @property
    def key(self) -> str:
        """Names it as long as it lasts."""
        return f"{self.vendor} {self.code}"


class VendorProblems:
    """Activities on Temporal's list of offers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def find_vendor_problems(self, codes: list[AttentionCode]) -> list[VendorProblem]:
        """The vendors that hold offers up, by vendor and attention, of these codes."""
        try:
            offers = await list_offers(self._client, WAITING)
        except RPCError as error:
            raise unavailable("Temporal", error.status.name) from None
        return vendor_problems(
            [each.summary.progress.attentions for each in offers if each.summary], codes
        )


def vendor_problems(
    offers: Iterable[Iterable[Attention]], codes: Collection[AttentionCode]
) -> list[VendorProblem]:
    """The vendors that hold offers up, by the attentions of each offer."""
    caused: dict[tuple[Vendor, AttentionCode], list[Attention]] = defaultdict(list)
    for attentions in offers:
        first = {
            (each.vendor, each.code): each
            for each in reversed(list(attentions))
            if each.vendor and each.code in codes
        }
        for key, attention in first.items():
            caused[key].append(attention)
    return [
        VendorProblem(
            vendor=vendor,
            code=code,
            offers=len(found),
            since=min(found, key=lambda each: each.since).since,
            problem=min(found, key=lambda each: each.since).problem,
        )
        for (vendor, code), found in sorted(caused.items())
    ]
