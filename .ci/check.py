"""Everything that can be said of the code without running its tests: what `make check` runs. Every check runs, then the verdict."""
# ruff: noqa: T201, S603

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# As a deployment would say it; nothing here is a secret of anybody, and nothing is connected to.
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": secrets.token_urlsafe(60),
    "DATABASE_URL": "mysql://check:check@127.0.0.1:3306/check",
    "PUBLIC_BASE_URL": "https://bidangil.example",
    "ALLOWED_HOSTS": "bidangil.example",
    "STRIPE_SECRET_KEY": "rk_live_check",
    "STRIPE_WEBHOOK_SECRET": "whsec_check",
    "FEDEX_CLIENT_ID": "check",
    "FEDEX_CLIENT_SECRET": "check",
    "EMS_SERVICE_KEY": "check",
    "SENS_SERVICE_ID": "ncp:sms:kr:1:check",
    "SENS_ACCESS_KEY": "check",
    "SENS_SECRET_KEY": "check",
    "SENS_FROM": "0212345678",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "check",
    "TWILIO_FROM": "+15005550006",
    "EXIMBANK_AUTH_KEY": "check",
    "S3_BUCKET": "check",
    "EMAIL_URL": "smtp+tls://check:check@mail.bidangil.example:587",
}

PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]
CHECKS: list[tuple[str, list[str], dict[str, str]]] = [
    ("format", [PYTHON, "-m", "ruff", "format", "--check", "."], {}),
    ("lint", [PYTHON, "-m", "ruff", "check", "."], {}),
    ("types", [PYTHON, "-m", "mypy", "core", "integrations", "workflow", "backoffice", "customer_api"], {}),
    ("import contracts", [str(Path(PYTHON).with_name("lint-imports"))], {}),
    ("migrations", [*MANAGE, "makemigrations", "--check", "--dry-run"], {}),
    ("production settings", [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION),
    ("process diagram", [*MANAGE, "order_process", "--check"], {}),
    ("roles", [*MANAGE, "roles", "--check"], {}),
    ("openapi.json", [*MANAGE, "openapi", "--check"], {}),
]


def passes(name: str, command: list[str], environment: dict[str, str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False, capture_output=True, text=True)
    verdict = "ok" if done.returncode == 0 else "FAILED"
    print(f"{verdict:<8}{name} ({time.monotonic() - started:.1f} s)", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


def main() -> int:
    failed = [name for name, command, environment in CHECKS if not passes(name, command, environment)]
    print("check: all green" if not failed else f"check: failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
