"""Settings: what is right, and what is said about those that are not."""

import pytest

from runtime.settings import InvalidSettings, WorkerSettings, read_settings
from sandbox.server import Sandbox
from tests.support.workflow_harness import FIELDS, environment_variables

NAME, BUILD_ID = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"


def worker_settings(**given: str) -> WorkerSettings:
    with (
        Sandbox() as sandbox,
        environment_variables({**sandbox.addresses.env, "OFFERS_FIELDS": str(FIELDS), **given}),
    ):
        return read_settings(WorkerSettings)


def test_worker_is_versioned_by_both_settings() -> None:
    assert worker_settings().deployment_version is None
    version = worker_settings(**{NAME: "offerflow", BUILD_ID: "1a2b3c"}).deployment_version
    assert version is not None
    assert (version.deployment_name, version.build_id) == ("offerflow", "1a2b3c")


@pytest.mark.parametrize(("given", "missing"), [(NAME, BUILD_ID), (BUILD_ID, NAME)])
def test_error_names_the_missing_half_of_the_version(given: str, missing: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{missing} is not set: .* both, or neither$"):
        worker_settings(**{given: "offerflow"})


def test_deployment_name_that_the_server_ignores_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=f"^{NAME}: "):
        worker_settings(**{NAME: "offer.flow", BUILD_ID: "1"})


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SMTP_URL", "smtp://user:se/cret@mail.example.com:587", "percent-encode the password"),
        ("SMTP_URL", "smtp://user:25/cret@mail.example.com:587", "percent-encode the password"),
        ("SMTP_URL", "smtp://user:se@cret@mail.example.com:587", "percent-encode the password"),
        ("SMTP_URL", "smtp://user:se#cret@mail.example.com:587", "percent-encode the password"),
        ("SMTP_URL", "smtp://user:se?cret@mail.example.com:587", "percent-encode the password"),
        ("SMTP_URL", "smtp://mail.example.com:port", "percent-encode the password"),
        ("SMTP_URL", "smtp://secret@mail.example.com", "a user name without a password"),
        ("SMTP_URL", "mail.example.com:587", "must begin with smtp://"),
        ("SMTP_URL", "smtp://user:password@smtp.example.com:587", "the value of the template"),
        ("MAIL_FROM", "Offers, Inc. <offers@example.com>", "a name with a comma needs quotes"),
        ("MAIL_FROM", "offers", "no mail address"),
        ("CLAZAR_URL", "http://api.example.com", "use https://"),
        ("CLAZAR_URL", "api.example.com", "it is no address"),
        ("CLAZAR_URL", "https://user:secret@api.example.com", "write it like https://host"),
        ("SALESFORCE_LOGIN_URL", "http://127.0.0.1.example.com", "use https://"),
        ("SALESFORCE_LOGIN_URL", "https://host:99999", "it is no address"),
        ("SALESFORCE_LOGIN_URL", "https://example.my.salesforce.com", "the value of the template"),
        ("OFFERS_URL_PATTERN", "http://x/{product_id}/{offer_id}", "must begin with https://"),
        ("OFFERS_URL_PATTERN", "https://x/{offer_id}", "{product_id} is missing"),
        ("OFFERS_URL_PATTERN", "https://x/{offer_id.__class__}", "may hold only"),
        ("OFFERS_PRODUCT_ID", "prod-xxxxxxxxxxxxx", "the value of the template"),
        *(
            ("OFFERS_METRICS_ADDRESS", value, "like 127.0.0.1:9464")
            for value in ("9464", "localhost:9464", "127.0.0.1:0", "127.0.0.1:65536", "::1:x")
        ),
        ("OFFERS_HEALTH_ADDRESS", ":8081", "like 127.0.0.1:9464"),
        ("OFFERS_EULA_SOURCES", "ftp://example.com", "neither s3://bucket/prefix nor https://host"),
        ("OFFERS_EULA_SOURCES", "https://example.com/path", "no address of a host"),
        (
            "OFFERS_EVENTS_QUEUE_URL",
            "https://sqs.us-east-1.amazonaws.com/x/y",
            "it is not of the form",
        ),
        ("OFFERS_DECISION_KEYS", "secret", "write each key as id:base64"),
        ("OFFERS_DECISION_KEY", "secret", "write each key as id:base64"),
        ("OFFERS_ENCRYPTION_KEYS", "secret", "write each key as id:base64"),
        ("SALESFORCE_PRIVATE_KEY", "secret", "no RSA key in PEM form"),
        ("SALESFORCE_CA", "/nowhere.pem", "there is no file"),
    ],
)
def test_wrong_setting_is_named_at_start(name: str, value: str, problem: str) -> None:
    with pytest.raises(InvalidSettings) as raised:
        worker_settings(**{name: value})
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"{name}: ")
    assert problem in line
    assert "cret" not in line, "the line shows a part of the value"


def test_all_wrong_settings_are_in_one_answer() -> None:
    wrong = {
        "SMTP_URL": "x",
        "MAIL_FROM": "x",
        "CLAZAR_URL": "x",
        "OFFERS_DIMENSION": "",
    }
    with pytest.raises(InvalidSettings) as raised:
        worker_settings(**wrong)
    assert len(str(raised.value).splitlines()) == len(wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "smtps://user%40example.com:a%2Fb@mail.example.com"),
        ("MAIL_FROM", '"Offers, Inc." <offers@example.com>'),
        ("CLAZAR_URL", "http://[::1]:8080"),
        ("OFFERS_HEALTH_ADDRESS", "[::]:8081"),
        ("OFFERS_METRICS_ADDRESS", "0.0.0.0:9464"),
        ("OFFERS_EULA_SOURCES", "s3://example-contracts/signed/, https://contracts.example.com"),
    ],
)
def test_settings_that_can_be_read(name: str, value: str) -> None:
    assert worker_settings(**{name: value})
