"""What an operator gets to read when the settings are unsafe: the variable's name, never its value."""

import subprocess
import sys

import pytest
from django.conf import settings

GOOD = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "q8Yz3Wn5Rk7Tb2Vc9Xm4Lp6Jh1Gf0DsAaEeIiOoUu-_QwRtYpSdFgHjKl",
    "DATABASE_URL": "mysql://app:pw@db.example:3306/bidangil",
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
    "EMAIL_URL": "smtp+tls://check:check@mail.bidangil.example:587",
}


def start(**changed: str) -> str:
    """What `manage.py check` says in production with these settings; empty when it is content."""
    environment = {"PATH": "/usr/bin:/bin", **GOOD, **changed}
    command = [sys.executable, "-W", "ignore", str(settings.BASE_DIR / "manage.py"), "check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.skipif("not settings.MYSQL", reason="needs the MySQL driver")
def test_good_settings_start():
    assert start() == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short-but-unlucky"),
        ("SECRET_KEY", ""),
        ("STRIPE_SECRET_KEY", "sk_test_sandbox"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_sandbox"),
        ("EMAIL_URL", ""),
        ("PUBLIC_BASE_URL", "http://bidangil.example"),
        ("ALLOWED_HOSTS", "*"),
        ("DEBUG", "1"),
        ("STRIPE_API_BASE", "http://127.0.0.1:8001/stripe"),
    ],
)
def test_an_unsafe_setting_is_named_and_its_value_is_not_told(name, value):
    said = start(**{name: value, "DATABASE_URL": "sqlite:////tmp/never-used.sqlite3"} if not settings.MYSQL else {name: value})

    assert name in said
    if len(value) > 1:
        assert value not in said
