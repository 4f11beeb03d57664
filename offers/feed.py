"""Feeds of changes, each of which is read once for all offers."""

from collections.abc import Set
from datetime import datetime, timedelta
from typing import Generic, Self, TypeVar

from pydantic import Field

from offers.clock import Instant
from offers.model import FrozenModel

UNMATCHED_FOR = timedelta(days=1)
"""How long an entry that belongs to no offer is tried again: search shows offers some time after
AWS has created them."""

ONE_SECOND = timedelta(seconds=1)
"""Feeds are asked by whole seconds."""

UNMATCHED_LIMIT = 2000
"""The newest of them: well within a payload's two megabytes."""


class FeedEntry(FrozenModel):
    """What a feed shows of something that changed."""

    changed_at: Instant
    """By the clock of the feed's system."""


EntryT = TypeVar("EntryT", bound=FeedEntry)


class FeedCursor(FrozenModel, Generic[EntryT]):
    """How far a feed has been read.  Kept by the Schedule as the result of the last run.

    Entries may appear late.  So each reading goes back behind the newest entry, by the overlap, and
    what was handled there is left out.
    """

    newest: Instant | None = None
    """The newest change seen; None: nothing has been read."""
    is_behind: bool = False
    """Whether there was more than one reading takes in."""
    handled: dict[str, Instant] = Field(default_factory=dict)
    """By id, the change that was handled, as far back as the overlap."""
    unmatched: dict[str, EntryT] = Field(default_factory=dict)
    """By id, what belongs to no offer in search: another seller system's, or one of ours that
    search does not show yet.  It is tried again for a day."""
    first_seen: dict[str, Instant] = Field(default_factory=dict)
    """By id, when it was first found to belong to no offer, in business time.  Not when it changed:
    after an outage even the newest entry may be days old."""

    def read_from(self, overlap: timedelta) -> datetime | None:
        """Where the next reading begins: one that was cut short must not be repeated."""
        if self.newest is None:
            return None
        return self.newest - (ONE_SECOND if self.is_behind else overlap)

    def news(self, read: dict[str, EntryT]) -> dict[str, EntryT]:
        """By id, what is to be handled after a reading."""
        return {
            entry_id: entry
            for entry_id, entry in (self.unmatched | read).items()
            if self.handled.get(entry_id) != entry.changed_at
        }

    def after(
        self,
        read: dict[str, EntryT],
        handled: Set[str],
        overlap: timedelta,
        now: datetime,
        *,
        is_behind: bool = False,
    ) -> Self:
        """The cursor after a reading, of whose news those with these ids were handled.

        `now` is the business time.
        """
        news = self.news(read)
        changes = [entry.changed_at for entry in read.values()]
        newest = max(changes if self.newest is None else [self.newest, *changes], default=None)
        if newest is None:
            return self
        done = self.handled | {each: news[each].changed_at for each in news if each in handled}
        kept = dict(list(self._unmatched(news, handled, now).items())[-UNMATCHED_LIMIT:])
        return type(self)(
            newest=newest,
            is_behind=is_behind,
            handled={each: at for each, at in done.items() if at >= newest - overlap},
            unmatched=kept,
            first_seen={each: self.first_seen.get(each, now) for each in kept},
        )

    def _unmatched(
        self, news: dict[str, EntryT], handled: Set[str], now: datetime
    ) -> dict[str, EntryT]:
        return {
            entry_id: entry
            for entry_id, entry in news.items()
            if entry_id not in handled and now - self.first_seen.get(entry_id, now) < UNMATCHED_FOR
        }
