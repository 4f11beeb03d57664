"""The example of a program, `examples/quotehog.py`, creates offers."""

from pathlib import Path

import pytest

from tests.support.api import add_key
from tests.support.console import RunningConsole
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import run_in_new_interpreter
from web.permissions import Permission

pytestmark = pytest.mark.xdist_group("api")


@pytest.mark.parametrize(
    ("number", "wrong"), [(1, "key"), (2, "price"), (3, "opportunity"), (4, "")]
)
async def test_example_creates_an_offer(
    environment: OfferEnvironment, served: RunningConsole, keys: Path, number: int, wrong: str
) -> None:
    key = add_key(keys, "quotehog", [Permission.VIEW, Permission.CREATE])
    (opportunity,) = environment.put_opportunities(number)
    code, out, err = await run_in_new_interpreter(
        "examples/quotehog.py",
        "001000000000001" if wrong == "opportunity" else opportunity,
        "1.00 USD" if wrong == "price" else "120000.00 USD",
        OFFERFLOW_URL=served.url,
        OFFERFLOW_KEY="x" if wrong == "key" else key,
    )
    if not wrong:
        assert code == 0, err
        url, stage = out.split()
        assert url == f"/api/v1/offers/{opportunity}"
        assert stage != "draft"
        return
    assert (code, out) == (1, "")
    expected = {
        "key": "the call has no key that is known and valid. Send it as",
        "price": f"/api/v1/offers/{opportunity}: ",
        "opportunity": "is the id of an account",
    }
    assert expected[wrong] in err
