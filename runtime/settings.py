"""Settings from the environment, which has those of `.env`; each is described in `.env.example`.

`TEMPORAL_*` and Temporal's profiles are read by temporalio.envconfig, AWS's settings by boto3.
"""

import ipaddress
import re
from datetime import datetime, timedelta
from email.utils import getaddresses
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from temporalio.common import WorkerDeploymentVersion

from activities.eula.allowed_sources import AllowedSources
from activities.preflight import DefaultProduct
from activities.salesforce.client import SalesforceLogin
from activities.salesforce.field_map import FieldMap
from activities.webhooks.secrets import Secrets, parse_secrets
from offers.clock import Clock
from offers.findings import AS_SHOWN, OWN_ERRORS, explained
from offers.lifecycle.confirmation_link import ConfirmationLinks, read_link_keys
from offers.lifecycle.decision_proof import (
    DecisionKeys,
    read_private_key,
    read_public_keys,
)
from offers.policy.policy import Policy
from offers.preflight.draft import known_time_zones
from offers.terms.contacts import parse_email
from runtime.codec import EncryptionCodec
from runtime.env_file import folder_without_env_file
from runtime.toml_files import InvalidFile, read_toml


class InvalidSettings(Exception):
    """Missing or invalid settings.  The text names each with its remedy."""


TEMPLATE_VALUES = frozenset(
    {
        "prod-xxxxxxxxxxxxx",
        "https://example.my.salesforce.com",
        "smtp://user:password@smtp.example.com:587",
    }
)
"""Of `.env.example`."""


def _own(value: str) -> str:
    if value in TEMPLATE_VALUES:
        raise ValueError("it is the value of the template: give your own")
    return value


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError:
        host, port, user = None, None, None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ValueError("it is no address: write it like https://host")
    if user is not None or port == 0:
        raise ValueError("it has a user name or an impossible port: write it like https://host")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("it begins with http://, and what is sent could be read: use https://")
    return value


def normal_origin(address: str) -> str:
    """Scheme, host and port of an address as browsers write them; raises ValueError."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not host.isascii():
        host = host.encode("idna").decode()
    if ":" in host:
        host = f"[{host}]"
    is_default = parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    return f"{parts.scheme}://{host}" + ("" if is_default else f":{parts.port}")


def _console_address(value: str) -> str:
    return normal_origin(_web_address(value)) + urlsplit(value).path.rstrip("/")


LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _offer_address(value: str) -> str:
    try:
        fields = {field for _, field, _, _ in Formatter().parse(value) if field is not None}
    except ValueError:
        fields = {""}
    if fields - {"product_id", "offer_id"}:
        raise ValueError("it may hold only {product_id} and {offer_id}")
    if not value.startswith("https://"):
        raise ValueError("buyers open it: it must begin with https://")
    if missing := [each for each in ("{product_id}", "{offer_id}") if each not in value]:
        raise ValueError(f"{missing[0]} is missing: copy a real link and put it in")
    return value


def _mail_server(value: SecretStr) -> SecretStr:
    text = _own(value.get_secret_value())
    how = "write smtp://user:password@host:587, or smtps://"
    if not text.startswith(("smtp://", "smtps://")):
        raise ValueError(f"it must begin with smtp:// or smtps://: {how}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:  # such as a port that is a part of the password
        host, port = None, None
    rest = text.partition("://")[2]
    if not host or port == 0 or rest.count("@") > 1 or parts.path or parts.query or parts.fragment:
        raise ValueError(
            "it cannot be read: percent-encode the password (/ as %2F, @ as %40, : as %3A, # as"
            f" %23, ? as %3F), and {how}"
        )
    if (parts.username is None) != (parts.password is None):
        raise ValueError(f"it has a user name without a password: {how}")
    return value


def _sender(value: str) -> str:
    how = 'write offers@example.com, or "Offers, Inc." <offers@example.com>'
    addresses = getaddresses([value])
    if len(addresses) != 1:
        raise ValueError(f"it is not one address; a name with a comma needs quotes: {how}")
    try:
        parse_email(addresses[0][1])
    except ValueError:
        raise ValueError(f"it is no mail address: {how}") from None
    return value


def listen_address(value: str) -> tuple[str, int]:
    """IP address and port at which a program listens; raises ValueError."""
    host, _, port = value.rpartition(":")
    try:
        # The SDK looks up no names.
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port) if port.isdecimal() else 0
    except ValueError:
        number = 0
    if not 0 < number <= 65_535:
        raise ValueError(
            "it is no address to listen at: write an IP address and a port, like 127.0.0.1:9464"
        )
    return str(address), number


def _listening(value: str) -> str:
    listen_address(value)
    return value


def _existing_file(value: str) -> str:
    if not Path(value).is_file():
        raise ValueError(f"there is no file {value}")
    return value


def _existing_path(value: Path) -> Path:
    _existing_file(str(value))
    return value


def _rsa_key(key: SecretStr | None) -> SecretStr | None:
    if key is None:
        return None
    try:
        loaded = serialization.load_pem_private_key(key.get_secret_value().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        loaded = None
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise ValueError("it is no RSA key in PEM form without a password")  # noqa: TRY004
    return key


def _encryption_keys(keys: SecretStr) -> SecretStr:
    EncryptionCodec(keys.get_secret_value())
    return keys


def _private_key(key: SecretStr) -> SecretStr:
    read_private_key(key.get_secret_value())
    return key


def _link_keys(keys: SecretStr) -> SecretStr:
    read_link_keys(keys.get_secret_value())
    return keys


def _public_keys(keys: str) -> str:
    read_public_keys(keys)
    return keys


def _webhook_secrets(secrets: SecretStr) -> SecretStr:
    parse_secrets(secrets.get_secret_value())
    return secrets


class TemporalSettings(BaseSettings):
    """Settings of every process: encryption, policy and clock."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    offers_encryption_keys: Annotated[SecretStr, AfterValidator(_encryption_keys)] | None = None
    """Keys as `id:base64` separated by commas; the first encrypts, all decrypt."""
    offers_encryption_migration: bool = False
    """Whether values are read that are not encrypted, or were before they were bound to their
    workflow: until no workflow that has such values is open any more."""
    offers_codec_token: SecretStr | None = Field(default=None, min_length=32)
    """What the Temporal UI shows to the codec server; None: another one at each start."""
    offers_policy: Path | None = None
    offers_user: str | None = Field(default=None, repr=False)
    """Mail address of who uses the command line; not verified."""
    offers_decision_key: Annotated[SecretStr, AfterValidator(_private_key)] | None = None
    """The private key that signs the decisions of this command line, as `id:base64`."""
    offers_console_url: Annotated[str, AfterValidator(_console_address)] | None = None
    """Where people reach the web console, such as https://offers.example.com; mails link to it."""
    offers_link_keys: Annotated[SecretStr, AfterValidator(_link_keys)] | None = None
    """Fernet keys separated by commas, for the links by which buyers confirm their account; the
    first encrypts, all decrypt."""
    offers_clock_scale: float = Field(default=1.0, gt=0)
    offers_clock_origin: AwareDatetime | None = Field(default=None, validate_default=True)
    offers_clock_ahead: timedelta = timedelta()
    """Seconds, or an ISO 8601 duration."""

    @property
    def codec(self) -> EncryptionCodec | None:
        """None: there are no keys."""
        if self.offers_encryption_keys is None:
            return None
        return EncryptionCodec(
            self.offers_encryption_keys.get_secret_value(),
            is_migration=self.offers_encryption_migration,
        )

    @property
    def clock(self) -> Clock:
        """Real time, unless a demo sets a faster clock."""
        ahead = self.offers_clock_ahead
        if self.offers_clock_origin is None:
            return Clock(scale=self.offers_clock_scale, ahead=ahead)
        return Clock(scale=self.offers_clock_scale, origin=self.offers_clock_origin, ahead=ahead)

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
        return read_private_key(self.offers_decision_key.get_secret_value())

    @property
    def confirmation_links(self) -> ConfirmationLinks | None:
        """The links by which buyers confirm their account; None: a setting for them is missing."""
        if self.offers_console_url is None or self.offers_link_keys is None:
            return None
        keys = read_link_keys(self.offers_link_keys.get_secret_value())
        return ConfirmationLinks(self.offers_console_url, keys)

    @field_validator("offers_clock_origin")
    @classmethod
    def _scaled_from_an_origin(cls, origin: datetime | None, info: ValidationInfo) -> Any:
        if origin is None and info.data.get("offers_clock_scale", 1) != 1:
            raise ValueError("OFFERS_CLOCK_SCALE other than 1 needs OFFERS_CLOCK_ORIGIN")
        return origin


class WorkerSettings(TemporalSettings):
    """Settings of a worker: the outside systems."""

    offers_product_id: Annotated[str, AfterValidator(_own)] = Field(
        pattern=r"^[A-Za-z0-9_-]{1,50}$"
    )
    offers_dimension: str = Field(min_length=1, max_length=100)
    offers_url_pattern: Annotated[str, AfterValidator(_offer_address)] = (
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
    offers_feed_memory_mb: int = Field(default=256, ge=64, le=65_536)
    """Megabytes that DuckDB may use to read the feed, besides the process; more is spilled."""
    offers_events_queue_url: str | None = Field(
        default=None, pattern=r"^https?://[^/]+/\d{12}/\S+$"
    )
    """The SQS queue with AWS's events; None: only the agreement watch reports changes in AWS."""

    offers_decision_keys: Annotated[str, AfterValidator(_public_keys)] | None = None
    """Public keys as `id:base64` separated by commas; None: decisions need no proof."""

    offers_webhook_secrets: Annotated[SecretStr, AfterValidator(_webhook_secrets)] | None = None
    """Secrets as `name:whsec_…` separated by commas, for each webhook of the policy."""

    offers_cached_workflows: int = Field(default=1000, ge=1)
    """How many offers a worker keeps in memory; others are replayed from their history."""

    offers_metrics_address: Annotated[str, AfterValidator(_listening)] | None = None
    """Where Prometheus finds metrics, as host:port; None: nowhere."""
    offers_health_address: Annotated[str, AfterValidator(_listening)] | None = None
    """Where `/livez` and `/readyz` answer, as host:port; None: nowhere."""
    offers_traces: bool = False
    """Whether traces are sent, to where the `OTEL_*` variables say."""

    temporal_deployment_name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][\w-]{0,99}$")
    """With the build id: the version of the worker.  Without both it has no version.

    The server ignores workers whose deployment has a dot or a colon in its name (server 1.32.0).
    """
    temporal_worker_build_id: str | None = Field(
        default=None, pattern=r"^[\w.:/+-]{1,100}$", validate_default=True
    )

    clazar_url: Annotated[str, AfterValidator(_web_address)] = "https://api.clazar.io"
    clazar_client_id: str
    clazar_client_secret: SecretStr

    salesforce_login_url: Annotated[str, AfterValidator(_own), AfterValidator(_web_address)]
    salesforce_client_id: str
    salesforce_client_secret: SecretStr | None = None
    salesforce_username: str | None = None
    salesforce_private_key: Annotated[SecretStr, AfterValidator(_rsa_key)] | None = Field(
        default=None, validate_default=True
    )
    salesforce_ca: Annotated[str, AfterValidator(_existing_file)] | None = Field(
        default=None, validation_alias=AliasChoices("SALESFORCE_CA", "salesforce_ca")
    )

    smtp_url: Annotated[SecretStr, AfterValidator(_mail_server)]
    mail_from: Annotated[str, AfterValidator(_sender)]

    @field_validator("temporal_worker_build_id")
    @classmethod
    def _whole_version(cls, build_id: str | None, info: ValidationInfo) -> str | None:
        name = info.data.get("temporal_deployment_name")
        if (name is None) != (build_id is None):
            unset = "TEMPORAL_DEPLOYMENT_NAME" if name is None else "TEMPORAL_WORKER_BUILD_ID"
            raise ValueError(
                f"{unset} is not set: a versioned worker needs both TEMPORAL_DEPLOYMENT_NAME and"
                " TEMPORAL_WORKER_BUILD_ID; set both, or neither"
            )
        return build_id

    @field_validator("salesforce_private_key")
    @classmethod
    def _some_login(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        by_secret = info.data.get("salesforce_client_secret") is not None
        if not by_secret and (key is None or info.data.get("salesforce_username") is None):
            raise ValueError(
                "Salesforce needs SALESFORCE_CLIENT_SECRET,"
                " or SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY"
            )
        return key

    @field_validator("offers_eula_sources", mode="before")
    @classmethod
    def _places(cls, text: Any) -> Any:
        return AllowedSources.parse(text) if isinstance(text, str) else text

    @property
    def decision_keys(self) -> DecisionKeys | None:
        """The keys with which decisions are signed; None: they need no proof."""
        return read_public_keys(self.offers_decision_keys) if self.offers_decision_keys else None

    @property
    def webhook_secrets(self) -> Secrets:
        """By the name of a webhook in the policy, the secrets that sign its events."""
        secrets = self.offers_webhook_secrets
        return parse_secrets(secrets.get_secret_value()) if secrets else {}

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


def confirmation_links(settings: TemporalSettings) -> ConfirmationLinks | None:
    """None if no buyers are asked; raises InvalidSettings if they are and a setting is missing."""
    links, asks = settings.confirmation_links, settings.policy().confirm_account
    if links is None and asks.is_on:
        unset = "OFFERS_LINK_KEYS" if settings.offers_console_url else "OFFERS_CONSOLE_URL"
        raise InvalidSettings(
            f"{unset} is not set, and the policy has buyers confirm their account"
            f' (confirm_account = "{asks.action}"): set OFFERS_CONSOLE_URL and OFFERS_LINK_KEYS, or'
            " turn it off"
        )
    return links


class ApiKeySettings(BaseSettings):
    """Where the keys of programs are, for whoever writes them."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    offers_api_keys: Path | None = None
    """The file, which need not exist yet."""


class WebSettings(TemporalSettings):
    """Settings of the web console and its HTTP API.  It has no vendor's credentials."""

    offers_web_address: Annotated[str, AfterValidator(_listening)] = "127.0.0.1:8090"
    """Where the console listens, as host:port."""
    offers_web_proxies: int = Field(default=0, ge=0, le=10)
    """How many proxies before the console add to `X-Forwarded-For`; 0: the header is not read."""
    offers_session_key: SecretStr | None = Field(default=None, min_length=32)
    """What signs the cookies of sessions; None: another one at each start."""
    offers_oidc_issuer: Annotated[str, AfterValidator(_web_address)] | None = None
    """The OpenID Connect provider; None: nobody signs in, and the console serves loopback only."""
    offers_oidc_client_id: str | None = Field(default=None, min_length=1)
    offers_oidc_client_secret: SecretStr | None = Field(default=None, min_length=1)
    offers_oidc_domains: Annotated[tuple[str, ...], NoDecode] = ()
    """The domains of the mail addresses that may sign in, separated by commas."""
    offers_api_keys: Annotated[Path, AfterValidator(_existing_path)] | None = None
    """The file of the keys of programs; None: the API takes no keys."""

    @field_validator("offers_oidc_domains", mode="before")
    @classmethod
    def _domains(cls, text: Any) -> Any:
        if not isinstance(text, str):
            return text
        return tuple(each.strip().lower() for each in text.split(",") if each.strip())

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.offers_oidc_issuer is None:
            return self
        needed = {
            "OFFERS_OIDC_CLIENT_ID": self.offers_oidc_client_id,
            "OFFERS_OIDC_CLIENT_SECRET": self.offers_oidc_client_secret,
            "OFFERS_OIDC_DOMAINS": self.offers_oidc_domains,
            "OFFERS_SESSION_KEY": self.offers_session_key,
            "OFFERS_CONSOLE_URL": self.offers_console_url,
        }
        if missing := [name for name, value in needed.items() if not value]:
            raise ValueError(f"{missing[0]} is not set, and OFFERS_OIDC_ISSUER is: set both")
        return self


ModelT = TypeVar("ModelT", bound=BaseModel)


def _read(name: str, path: Path, model: type[ModelT]) -> ModelT:
    try:
        return read_toml(path, model)
    except InvalidFile as error:
        raise InvalidSettings(f"{name}: {error}") from None


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def read_settings(kind: type[SettingsT]) -> SettingsT:
    """The settings of this process; raises InvalidSettings."""
    try:
        return kind()
    except ValidationError as error:
        complaints = list(map(_complaint, error.errors()))
        if folder := folder_without_env_file():
            complaints.append(f".env: there is none in {folder}; start the program where it is")
        raise InvalidSettings("\n".join(complaints)) from None


def _complaint(details: ErrorDetails) -> str:
    # The value is not printed: it may be a secret.
    name = ".".join(str(part) for part in details["loc"]).upper()
    if details["type"] == "missing":
        return f"{name} is not set: set it in the environment or in .env (see .env.example)"
    problem, remedy = explained(details)
    if details["type"] in OWN_ERRORS:
        if re.match(r"[A-Z]+_[A-Z_]+\b|Salesforce needs", problem):  # it names what is wrong itself
            return problem
        return f"{name}: {problem} (see .env.example)"
    remedy = "" if remedy == AS_SHOWN else f". {remedy}"
    return f"{name}: {problem}{remedy} (see .env.example)"
