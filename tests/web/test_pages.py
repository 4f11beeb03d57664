"""What pages show of the list of offers, and of what an offer answers: without any server."""

from datetime import timedelta

import pytest

from offers.stage import Stage
from tests.support.console import console_of
from tests.support.listed_offers import listed
from tests.support.requests import ID, record
from web import reader

OTHER = "0065g00000AbCd4AAV"


async def test_nothing_is_said_of_a_list_that_was_never_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "FIRST_READING", timedelta())
    async with console_of(None) as (browser, _):
        for path in ("/api/v1/offers", "/api/v1/payouts", "/api/v1/renewals"):
            refused = await browser.get(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "list-unread"), path
            assert refused.headers["retry-after"] == "60"
        file = await browser.get("/payouts.csv")
        assert file.status_code == 503
        assert "has not been read yet" in file.text
        for path, claim in (
            ("/", "No offer is like this"),
            ("/?view=stages", "No offer is like this"),
            ("/approvals", "Nothing waits"),
            ("/payouts", "No offer has been accepted"),
            ("/payouts", "Nothing."),
            ("/payouts", "None."),
        ):
            page = await browser.get(path)
            assert page.status_code == 200
            assert "has not been read" in page.text, path
            assert claim not in page.text, path


async def test_money_that_cannot_be_read_is_not_left_out_in_silence() -> None:
    accepted = record(Stage.ACCEPTED, amendments=(), offer_id="offer-1")
    lost = record(Stage.ACCEPTED, amendments=(), opportunity_id=OTHER)
    async with console_of([listed(accepted), listed(lost, readable=False)]) as (browser, console):
        console.reader.problem = "Temporal does not answer (unavailable)"
        report = (await browser.get("/api/v1/payouts")).json()
        assert [line["offer"] for line in report["lines"]] == [ID]
        assert OTHER in report["findings"][0]
        renewals = (await browser.get("/api/v1/renewals")).json()
        assert {report["problem"], renewals["problem"]} == {console.reader.problem}
        page = await browser.get("/payouts")
        assert "1 accepted offer is missing in every sum" in page.text
        assert page.text.index("is missing in every sum") < page.text.index("Totals in USD")
        file = await browser.get("/payouts.csv")
        assert file.status_code == 503
        assert OTHER in file.text
