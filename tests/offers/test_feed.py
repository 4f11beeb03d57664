"""How far a feed has been read, and what of it is still to be handled."""

from datetime import UTC, datetime, timedelta

from offers.feed import UNMATCHED_FOR, FeedCursor, FeedEntry

START = datetime(2026, 3, 2, tzinfo=UTC)
OVERLAP = timedelta(minutes=15)
Cursor = FeedCursor[FeedEntry]


def entries(**minutes: float) -> dict[str, FeedEntry]:
    """Entries by id, each with the minutes after the start at which it changed."""
    return {
        each: FeedEntry(changed_at=START + timedelta(minutes=after))
        for each, after in minutes.items()
    }


def test_reading_goes_back_by_the_overlap_and_leaves_out_what_was_handled() -> None:
    assert Cursor().read_from(OVERLAP) is None
    read = entries(first=0, second=30)
    cursor = Cursor().after(read, read.keys(), OVERLAP, START)
    assert cursor.read_from(OVERLAP) == START + timedelta(minutes=15)
    assert list(cursor.handled) == ["second"], "what no reading shows again is kept"
    assert cursor.news(entries(second=30, late=20)) == entries(late=20)
    assert cursor.news(entries(second=31)) == entries(second=31), "a further change is left out"


def test_reading_that_was_cut_short_is_not_repeated() -> None:
    read = entries(first=0)
    cursor = Cursor().after(read, read.keys(), OVERLAP, START, is_behind=True)
    assert cursor.read_from(OVERLAP) == START - timedelta(seconds=1), "same second as the last"


def test_entry_without_an_offer_is_tried_again_for_a_day() -> None:
    cursor = Cursor().after(entries(ours=0, other=0), {"ours"}, OVERLAP, START)
    assert cursor.unmatched == cursor.news({}) == entries(other=0)
    assert cursor.after({}, {"other"}, OVERLAP, START).news({}) == {}
    soon = START + UNMATCHED_FOR - timedelta(seconds=1)
    assert cursor.after({}, set(), OVERLAP, soon).unmatched
    assert not cursor.after({}, set(), OVERLAP, START + UNMATCHED_FOR).unmatched


def test_entry_that_changed_long_ago_is_tried_for_a_day_after_it_was_first_seen() -> None:
    newest = UNMATCHED_FOR / timedelta(minutes=1) * 3
    now = START + timedelta(minutes=newest)
    cursor = Cursor().after(entries(ours=0, newest=newest), {"newest"}, OVERLAP, now)
    assert cursor.unmatched == entries(ours=0), "it was accepted while nobody read the feed"
    for hours, tried in ((23, True), (24, False)):
        cursor = cursor.after({}, set(), OVERLAP, now + timedelta(hours=hours))
        assert bool(cursor.unmatched) is tried


def test_empty_feed_leaves_the_cursor_as_it_is() -> None:
    assert Cursor().after({}, set(), OVERLAP, START) == Cursor()
    cursor = Cursor(newest=START)
    assert cursor.after({}, set(), OVERLAP, START) == cursor
