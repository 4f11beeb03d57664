"""Changed terms as people write them."""

import pytest

from client.changes import parse_change


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("price = 110000.00 USD", ("price", {"amount": "110000.00", "currency": "USD"})),
        ("company= Example", ("company", "Example")),
        (" company =", ("company", None)),
    ],
)
def test_blanks_around_the_equals_sign_do_not_count(text: str, change: tuple[str, object]) -> None:
    assert parse_change(text) == change
