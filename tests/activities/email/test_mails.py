"""The text of each mail, to be read: `python -m tests.support.example_mails` writes them anew."""

import pytest

from activities.email.message import EmailKind
from tests.support.example_mails import FOLDER, MAILS, RECORDS, text_of


@pytest.mark.parametrize("name", MAILS)
def test_mail_reads_as_recorded(name: str) -> None:
    assert text_of(MAILS[name]) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_each_mail_is_recorded() -> None:
    assert set(RECORDS) == set(EmailKind)
    assert {each.stem for each in FOLDER.iterdir()} == set(MAILS)
