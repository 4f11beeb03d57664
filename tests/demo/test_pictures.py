"""The picture of the parts is that of the code as it is."""

from demo.pictures import parts_picture
from demo.processes import ROOT


def test_picture_of_the_parts_is_up_to_date() -> None:
    """`make pictures` writes it."""
    picture = ROOT / "docs" / "pictures" / "parts.svg"
    assert picture.read_text(encoding="utf-8") == parts_picture()
