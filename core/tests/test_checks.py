"""What an operator gets to read when the settings are unsafe: the variable's name, never its value."""

import subprocess
import sys

import pytest
from django.conf import settings

from core.checks import CREDENTIALS, SECURE_BASES, production_settings

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
    "S3_BUCKET": "bidangil-private",
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
    ("name", "value"), [("SECRET_KEY", "short-but-unlucky"), ("EMAIL_URL", ""), ("S3_BUCKET", ""), ("STRIPE_SECRET_KEY", "sk_test_sandbox")]
)
def test_an_unsafe_setting_stops_the_start_by_name_and_its_value_is_not_told(name, value):
    said = start(**{"DATABASE_URL": "sqlite:////tmp/never-used.sqlite3", name: value})

    assert name in said
    assert not value or value not in said


@pytest.mark.parametrize(
    ("setting", "value", "variable"),
    [
        ("SECRET_KEY", "x" * 60, "SECRET_KEY"),
        ("STRIPE_WEBHOOK_SECRETS", ["whsec_good", "whsec_sandbox"], "STRIPE_WEBHOOK_SECRET"),
        ("HTTPS", False, "PUBLIC_BASE_URL"),
        ("ALLOWED_HOSTS", ["*"], "ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", [], "ALLOWED_HOSTS"),
        ("DEBUG", True, "DEBUG"),
        ("MYSQL", False, "DATABASE_URL"),
        ("STRIPE_API_BASE", "http://127.0.0.1:8001/stripe", "STRIPE_API_BASE"),
        ("S3_ENDPOINT_URL", "http://files.example", "S3_ENDPOINT_URL"),
    ],
)
def test_each_rule_names_its_variable(good_settings, setting, value, variable):
    setattr(good_settings, setting, value)

    assert [message.msg.partition(":")[0] for message in production_settings()] == [variable]


@pytest.fixture
def good_settings(settings):
    settings.PRODUCTION = settings.MYSQL = settings.HTTPS = True
    settings.DEBUG = False
    settings.SECRET_KEY, settings.ALLOWED_HOSTS = GOOD["SECRET_KEY"], ["bidangil.example"]
    for name in (*CREDENTIALS, *SECURE_BASES):
        setattr(settings, name, "https://api.example" if name in SECURE_BASES else "real")
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_good"]
    assert production_settings() == []
    return settings
