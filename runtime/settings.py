"""Settings from the environment and `.env`; each is described in `.env.example`.

`TEMPORAL_*` and Temporal's profiles are read by temporalio.envconfig, AWS's settings by boto3.
"""

import os
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from temporalio.common import WorkerDeploymentVersion

from activities.eula.allowed_sources import AllowedSources
from activities.preflight import DefaultProduct
from activities.salesforce.client import SalesforceLogin
from activities.salesforce.field_map import FieldMap
from offers.clock import Clock
from offers.lifecycle.decision_proof import (
    DecisionKeys,
    InvalidDecisionKey,
    read_private_key,
    read_public_keys,
)
from offers.policy.policy import Policy
from offers.preflight.draft import known_time_zones
from offers.terms.contacts import parse_email
from runtime.toml_files import InvalidFile, read_toml


class InvalidSettings(Exception):
    """Missing or invalid settings.  The text names each with its remedy."""


class TemporalSettings(BaseSettings):
    """Settings of every process: encryption, policy and clock."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    offers_encryption_keys: SecretStr | None = None
    """Keys as `id:base64` separated by commas; the first encrypts, all decrypt."""
    offers_policy: Path | None = None
    offers_user: str | None = Field(default=None, repr=False)
    """Mail address of who uses the command line; not verified."""
    offers_decision_key: SecretStr | None = None
    """The private key that signs the decisions of this command line, as `id:base64`."""
    offers_clock_scale: float = Field(default=1.0, gt=0)
    offers_clock_origin: AwareDatetime | None = None

    @property
    def clock(self) -> Clock:
        """Real time, unless a demo sets a faster clock."""
        if self.offers_clock_origin is None:
            return Clock(scale=self.offers_clock_scale)
        return Clock(scale=self.offers_clock_scale, origin=self.offers_clock_origin)

    def policy(self) -> Policy:
        """The selling policy; the handbook's defaults hold for what the file does not set."""
        if self.offers_policy is None:
            return Policy()
        policy = _read("OFFERS_POLICY", self.offers_policy, Policy)
        zones = {"time_zones": policy.time_zones, "digest.time_zone": (policy.digest.time_zone,)}
        for name, named in zones.items():
            if unknown := set(named) - known_time_zones():
                raise InvalidSettings(
                    f"{self.offers_policy}: {name} [{min(unknown)}]: there is no such time zone."
                    " Use IANA names such as Europe/Berlin."
                )
        return policy

    @property
    def signing_key(self) -> tuple[str, Ed25519PrivateKey] | None:
        """The key's id, and the key."""
        if self.offers_decision_key is None:
            return None
        try:
            return read_private_key(self.offers_decision_key.get_secret_value())
        except InvalidDecisionKey as error:
            raise InvalidSettings(f"OFFERS_DECISION_KEY: {error}") from None

    @model_validator(mode="after")
    def _scaled_from_an_origin(self) -> "TemporalSettings":
        if self.offers_clock_scale != 1 and self.offers_clock_origin is None:
            raise ValueError("OFFERS_CLOCK_SCALE other than 1 needs OFFERS_CLOCK_ORIGIN")
        return self


class WorkerSettings(TemporalSettings):
    """Settings of a worker: the outside systems."""

    offers_product_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,50}$")
    offers_dimension: str = Field(min_length=1, max_length=100)
    offers_url_pattern: str = (
        "https://aws.amazon.com/marketplace/saas/ordering?productId={product_id}&offerId={offer_id}"
    )
    offers_fields: Path
    offers_eula_bucket: str | None = None
    """The S3 bucket for merged custom contracts, under `eula/`; None: no custom contracts."""
    offers_eula_sources: Annotated[AllowedSources, NoDecode] = AllowedSources()
    """From where custom contracts may be read, as `s3://bucket/prefix` and `https://host`,
    separated by commas; nothing: no custom contracts."""
    offers_feed_bucket: str | None = None
    """The S3 bucket with AWS's seller data feed; needed if the policy reads payouts from there."""
    offers_feed_prefix: str = Field(default="", pattern=r"^$|[^/]/$")
    """The prefix of the feed's tables in the bucket; it ends with a slash."""
    offers_events_queue_url: str | None = Field(default=None, pattern=r"^https?://[^/]+/\S+$")
    """The SQS queue with AWS's events; None: only the agreement watch reports changes in AWS."""

    offers_decision_keys: str | None = None
    """Public keys as `id:base64` separated by commas; None: decisions need no proof."""

    offers_cached_workflows: int = Field(default=1000, ge=1)
    """How many offers a worker keeps in memory; others are replayed from their history."""

    temporal_deployment_name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][\w-]{0,99}$")
    """With the build id: the version of the worker.  Without both it has no version.

    The server ignores workers whose deployment has a dot or a colon in its name (server 1.32.0).
    """
    temporal_worker_build_id: str | None = Field(default=None, pattern=r"^[\w.:/+-]{1,100}$")

    clazar_url: str = "https://api.clazar.io"
    clazar_client_id: str
    clazar_client_secret: SecretStr

    salesforce_login_url: str
    salesforce_client_id: str
    salesforce_client_secret: SecretStr | None = None
    salesforce_username: str | None = None
    salesforce_private_key: SecretStr | None = None
    salesforce_ca: str | None = Field(
        default=None, validation_alias=AliasChoices("SALESFORCE_CA", "salesforce_ca")
    )

    smtp_url: SecretStr
    mail_from: str

    @field_validator("offers_eula_sources", mode="before")
    @classmethod
    def _places(cls, text: Any) -> Any:
        return AllowedSources.parse(text) if isinstance(text, str) else text

    @model_validator(mode="after")
    def _usable(self) -> "WorkerSettings":
        if self.salesforce_client_secret is None and (
            self.salesforce_username is None or self.salesforce_private_key is None
        ):
            raise ValueError(
                "Salesforce needs SALESFORCE_CLIENT_SECRET,"
                " or SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY"
            )
        if self.salesforce_private_key is not None:
            _check_rsa_key("SALESFORCE_PRIVATE_KEY", self.salesforce_private_key)
        try:
            self.offers_url_pattern.format(product_id="", offer_id="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"OFFERS_URL_PATTERN may hold only {{product_id}} and {{offer_id}}: {error}"
            ) from None
        if self.salesforce_ca is not None and not Path(self.salesforce_ca).is_file():
            raise ValueError(f"SALESFORCE_CA: there is no file {self.salesforce_ca}")
        names = ("TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID")
        unset = [name for name in names if getattr(self, name.lower()) is None]
        if len(unset) == 1:
            raise ValueError(
                f"{unset[0]} is not set: a versioned worker needs both {' and '.join(names)};"
                " set both, or neither"
            )
        if not self.smtp_url.get_secret_value().startswith(("smtp://", "smtps://")):
            raise ValueError("SMTP_URL must start with smtp:// or smtps://")
        try:
            parse_email(parseaddr(self.mail_from)[1])
        except ValueError:
            raise ValueError(
                "MAIL_FROM is no mail address: write offers@example.com, or"
                " Offers <offers@example.com>"
            ) from None
        return self

    @property
    def decision_keys(self) -> DecisionKeys | None:
        """The keys with which decisions are signed; None: they need no proof."""
        if self.offers_decision_keys is None:
            return None
        try:
            return read_public_keys(self.offers_decision_keys)
        except InvalidDecisionKey as error:
            raise InvalidSettings(f"OFFERS_DECISION_KEYS: {error}") from None

    @property
    def deployment_version(self) -> WorkerDeploymentVersion | None:
        """None: the worker is not versioned."""
        if self.temporal_deployment_name is None or self.temporal_worker_build_id is None:
            return None
        return WorkerDeploymentVersion(self.temporal_deployment_name, self.temporal_worker_build_id)

    @property
    def product(self) -> DefaultProduct:
        """The product and dimension that are sold by default."""
        return DefaultProduct(product_id=self.offers_product_id, dimensions=self.offers_dimension)

    @property
    def salesforce_login(self) -> SalesforceLogin:
        return SalesforceLogin(
            url=self.salesforce_login_url,
            client_id=self.salesforce_client_id,
            client_secret=self.salesforce_client_secret,
            username=self.salesforce_username,
            private_key=self.salesforce_private_key,
        )

    def fields(self) -> FieldMap:
        return _read("OFFERS_FIELDS", self.offers_fields, FieldMap)


def _check_rsa_key(name: str, key: SecretStr) -> None:
    try:
        loaded = serialization.load_pem_private_key(key.get_secret_value().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        loaded = None
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise ValueError(f"{name} is no RSA key in PEM form without a password")  # noqa: TRY004


ModelT = TypeVar("ModelT", bound=BaseModel)


def _read(name: str, path: Path, model: type[ModelT]) -> ModelT:
    try:
        return read_toml(path, model)
    except InvalidFile as error:
        raise InvalidSettings(f"{name}: {error}") from None


SettingsT = TypeVar("SettingsT", bound=TemporalSettings)


def read_settings(kind: type[SettingsT]) -> SettingsT:
    """The settings of this process; raises InvalidSettings.

    `OFFERS_ENV_FILE` names another file than `.env`; if it is empty, no file is read: tests and the
    demo must not use real settings that are in the working folder.
    """
    try:
        return kind(_env_file=os.environ.get("OFFERS_ENV_FILE", ".env") or None)
    except ValidationError as error:
        raise InvalidSettings("\n".join(map(_complaint, error.errors()))) from None


def _complaint(details: Any) -> str:
    # The value is not printed: it may be a secret.
    name = ".".join(str(part) for part in details["loc"]).upper()
    if not name:
        return str(details["msg"]).removeprefix("Value error, ")
    if details["type"] == "missing":
        return f"{name} is not set: set it in the environment or in .env (see .env.example)"
    return f"{name}: {details['msg']} (see .env.example)"
