"""What one sandbox is started with. Credentials are local play values: whoever holds them can only talk to this process."""

import os
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_BOOKS = Path("var/sandbox.sqlite3")
WEBHOOK_PATH = "/webhooks/stripe"


def _from_environment(name: str, default: str) -> str:
    return os.environ.get(name) or default


def default_port() -> int:
    return int(_from_environment("SANDBOX_PORT", "8001"))


def default_webhook_url() -> str:
    return _from_environment("PUBLIC_BASE_URL", "http://127.0.0.1:8000").rstrip("/") + WEBHOOK_PATH


@dataclass(frozen=True)
class Credentials:
    """The keys the stand-ins accept. Names and defaults are those of the product's settings."""

    stripe_secret_key: str = "sk_test_sandbox"  # noqa: S105
    stripe_webhook_secret: str = "whsec_sandbox"  # noqa: S105
    fedex_client_id: str = "sandbox-fedex"
    fedex_client_secret: str = "sandbox-fedex-secret"  # noqa: S105
    ups_client_id: str = "sandbox-ups"
    ups_client_secret: str = "sandbox-ups-secret"  # noqa: S105
    ems_service_key: str = "sandbox-ems-key"
    fedex_webhook_secrets: str = "sandbox-fedex-webhook"
    ups_webhook_secrets: str = "sandbox-ups-webhook"
    ems_webhook_secrets: str = "sandbox-ems-webhook"
    sens_service_id: str = "ncp:sms:kr:1:sandbox"
    sens_access_key: str = "sandbox-access"
    sens_secret_key: str = "sandbox-secret"  # noqa: S105
    sens_from: str = "0212345678"
    twilio_account_sid: str = "AC00000000000000000000000000000000"
    twilio_auth_token: str = "sandbox-token"  # noqa: S105
    twilio_from: str = "+15005550006"
    eximbank_auth_key: str = "sandbox-exim"

    @classmethod
    def from_environment(cls) -> "Credentials":
        return cls(**{name: _from_environment(name.upper(), str(known.default)) for name, known in cls.__dataclass_fields__.items()})


@dataclass(frozen=True)
class Options:
    port: int = 8001
    mail_port: int = 8002
    books: Path = DEFAULT_BOOKS
    webhook_url: str = ""
    """Where Stripe's events go; empty: events are made and kept, none is sent."""
    krw_per_usd: str = "1462.31420573"
    credentials: Credentials = field(default_factory=Credentials.from_environment)
    end_with_parent: bool = False
    """For tests: stop by itself when the process that started it is gone."""

    @property
    def courier_webhook_url(self) -> str:
        """Where couriers' pushes go, before the courier's code: beside Stripe's."""
        return self.webhook_url.rpartition("/")[0] + "/couriers/" if self.webhook_url else ""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"
