"""Money and renewals of all offers."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from client.listing import renewals_among
from client.payout_lines import to_json_data
from web.api.bodies import Payouts, Renewals
from web.api.call import ApiRoute, CurrentReader
from web.api.examples import PAID, RENEWED
from web.api.problem import described
from web.pages.page import CurrentConsole
from web.pages.payouts import money_of, parse_month
from web.reader import FOR_PROGRAMS

router = APIRouter(tags=["reports"], route_class=ApiRoute)


@router.get("/payouts", responses=PAID | described(401, 403, 422, 429, 503))
async def payouts(
    _: CurrentReader,
    console: CurrentConsole,
    month: Annotated[
        str, Query(max_length=10, description="Only what concerns a month, such as 2027-01")
    ] = "",
) -> Payouts:
    """Report what is expected, invoiced, collected, paid out and late; no vendor is asked."""
    money = money_of(console, await console.reader.known(FOR_PROGRAMS), parse_month(month))
    notes = [f"{path}: its money is not known" for path in money.unreadable]
    data = to_json_data(money.lines, money.totals, notes)
    return Payouts(**data, months=money.months, problem=console.reader.problem)


@router.get("/renewals", responses=RENEWED | described(401, 403, 422, 429, 503))
async def renewals(
    _: CurrentReader,
    console: CurrentConsole,
    within_days: Annotated[int, Query(ge=1, le=3650)] = 90,
) -> Renewals:
    """List the agreements that end soon, and whether their renewals are on the way."""
    reading = await console.reader.known(FOR_PROGRAMS)
    found = renewals_among(reading.newest, console.now(), timedelta(days=within_days))
    return Renewals(
        agreements=found.ending,
        unreadable=[each.path for each in found.unreadable],
        problem=console.reader.problem,
    )
