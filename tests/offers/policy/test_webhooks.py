"""The webhooks of a policy: what is refused, and with which words."""

from pathlib import Path

import pytest

from offers.policy.policy import Policy
from offers.policy.webhooks import EventGroup
from runtime.toml_files import InvalidFile, read_toml

GOOD = "https://hooks.example.com/offers"


def read(tmp_path: Path, webhooks: str) -> Policy:
    file = tmp_path / "policy.toml"
    file.write_text(f"[webhooks]\n{webhooks}\n", encoding="utf-8")
    return read_toml(file, Policy)


def test_webhooks_as_they_are_written(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        "allow_private = true\n"
        f'endpoints = [{{ name = "crm", url = "{GOOD}" }},'
        ' { name = "erp", url = "https://10.0.0.1:8443/x?y=z", events = ["payments"] }]',
    )
    crm, erp = policy.webhooks.endpoints
    assert crm.events == tuple(EventGroup), "all, if none is named"
    assert policy.webhooks.receivers(EventGroup.STAGES) == (crm,)
    assert policy.webhooks.receivers(EventGroup.PAYMENTS) == (crm, erp)
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


def test_policy_without_webhooks_does_not_carry_them() -> None:
    assert "webhooks" not in Policy().model_dump_json(), "a default goes into every record"


def test_address_is_not_shown(tmp_path: Path) -> None:
    """It may contain a token."""
    policy = read(tmp_path, f'endpoints = [{{ name = "crm", url = "{GOOD}" }}]')
    assert "hooks.example.com" not in repr(policy)


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ('name = "crm", url = "http://hooks.example.com"', "it does not begin with https://"),
        ('name = "crm", url = "hooks.example.com"', "it is no address of the web"),
        ('name = "crm", url = "https://"', "it is no address of the web"),
        ('name = "crm", url = "https://hooks.example.com:0"', "it is no address of the web"),
        ('name = "crm", url = "https://hooks.example.com:x"', "it is no address of the web"),
        ('name = "crm", url = "https://hooks.example.com/a b"', "it is no address of the web"),
        ('name = "crm", url = "https://hööks.example.com/"', "it is no address of the web"),
        ('name = "crm", url = "https://h/\\n"', "it is no address of the web"),
        ('name = "crm", url = "https://u:p@hooks.example.com"', "it has a user name"),
        ('name = "crm", url = "https://hooks.example.com/#a"', "it has a user name or a fragment"),
        ('name = "crm", url = "https://127.0.0.1/"', "the address of crm is in a private network"),
        ('name = "crm", url = "https://[::1]/"', "the address of crm is in a private network"),
        ('name = "crm", url = "https://169.254.169.254/"', "is in a private network"),
        (f'name = "CRM", url = "{GOOD}"', "Use small letters, digits and -"),
        (f'name = "", url = "{GOOD}"', "it is no name of a webhook"),
        (f'name = "a,b:c", url = "{GOOD}"', "it is no name of a webhook"),
        (f'url = "{GOOD}"', "endpoints.0.name: it is missing"),
        ('name = "crm"', "endpoints.0.url: it is missing"),
        (f'name = "crm", url = "{GOOD}", events = []', "no events are named"),
        (f'name = "crm", url = "{GOOD}", events = ["mails"]', "Choose 'stages', 'attentions'"),
        (f'name = "crm", url = "{GOOD}", secret = "x"', "there is no such field"),
        (f'name = "crm", url = "https://h/{"x" * 2000}"', "it is no address of the web"),
    ],
)
def test_error_names_the_field_and_the_remedy(tmp_path: Path, endpoint: str, said: str) -> None:
    with pytest.raises(InvalidFile, match=said) as refused:
        read(tmp_path, f"endpoints = [{{ {endpoint} }}]")
    assert "webhooks.endpoints" in str(refused.value)
    assert "hooks.example.com/a" not in str(refused.value), "it may contain a token"


def test_names_differ_and_are_few(tmp_path: Path) -> None:
    one = f'{{ name = "crm", url = "{GOOD}" }}'
    with pytest.raises(InvalidFile, match="crm is named twice"):
        read(tmp_path, f"endpoints = [{one}, {one}]")
    many = ", ".join(f'{{ name = "crm{n}", url = "{GOOD}" }}' for n in range(6))
    with pytest.raises(InvalidFile, match="Give at most 5"):
        read(tmp_path, f"endpoints = [{many}]")
