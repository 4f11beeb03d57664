"""The setting with the secrets."""

import pytest

from activities.webhooks.secrets import parse_secrets
from tests.support.webhook_receiver import OTHER_SECRET, SECRET


def test_secrets_by_receiver() -> None:
    text = f"crm:{SECRET}, erp:{OTHER_SECRET},crm:{OTHER_SECRET},"
    assert parse_secrets(text) == {"crm": (SECRET, OTHER_SECRET), "erp": (OTHER_SECRET,)}
    assert parse_secrets("") == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SECRET, "entry 1 is not name:whsec_…"),
        (f"crm:{SECRET},:{SECRET}", "entry 2 is not name:whsec_…"),
        (f"{SECRET}:crm", "entry 1 is not name:whsec_…"),
        ("crm:secret", "the secret of crm is not whsec_ and 24 to 64 bytes in base64"),
        ("crm:whsec_c2VjcmV0", "the secret of crm is not whsec_"),
        (f"crm:{SECRET}!", "the secret of crm is not whsec_"),
        ("crm:whsec_" + "A" * 88, "the secret of crm is not whsec_"),
        (",".join([f"crm:{SECRET}"] * 3), "crm has more than 2 secrets"),
    ],
)
def test_error_names_the_receiver_and_no_secret(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="^" + problem) as refused:
        parse_secrets(text)
    assert "c2VjcmV0" not in str(refused.value)
    assert "AAAA" not in str(refused.value)
