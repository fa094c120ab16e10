"""Every setting, in fixed sections, from the environment only (`.env.example` explains each).

`ENVIRONMENT` is `local` (default: SQLite, sandbox providers, files on disk), `test` or `production`. In production a missing or
unsafe value stops the start and names the variable, never its value: `core/checks.py` holds those rules.
"""

import os
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

# --- Where we are --------------------------------------------------------------------------------------------------------

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").exists():
    environ.Env.read_env(BASE_DIR / ".env")

ENVIRONMENT = env.str("ENVIRONMENT", "local")
if ENVIRONMENT not in {"local", "test", "production"}:
    raise ImproperlyConfigured("ENVIRONMENT must be local, test or production")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.bool("DEBUG", False)
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))


def required(name: str, local: str) -> str:
    """The variable's value; `local` stands in for it anywhere but in production, where it must be given."""
    value = env.str(name, "" if PRODUCTION else local)
    if PRODUCTION and not value:
        raise ImproperlyConfigured(f"{name} must be set when ENVIRONMENT=production")
    return value


def local_secret_key() -> str:
    """Made once under var/ and kept, so that local sessions and queued jobs survive a restart."""
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    path = VAR_DIR / "secret_key"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    # A process that has just made the file may not have written it yet; an empty key is no key.
    return path.read_text() or "not-yet-written-" + secrets.token_urlsafe(50)


SECRET_KEY = env.str("SECRET_KEY", "")
if not SECRET_KEY:
    SECRET_KEY = required("SECRET_KEY", "") if PRODUCTION else local_secret_key()

# --- Addresses -----------------------------------------------------------------------------------------------------------

PORT = env.int("PORT", 8000)
SANDBOX_PORT = env.int("SANDBOX_PORT", 8001)
PUBLIC_BASE_URL = required("PUBLIC_BASE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]", "testserver"])
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)
HTTPS = urlsplit(PUBLIC_BASE_URL).scheme == "https"
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL, *CORS_ALLOWED_ORIGINS]

# --- What runs -----------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "import_export",
    "ninja",  # its bundled documentation page: nothing is loaded from elsewhere
    "django_q",
    "django_eventstream",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "core",
    "core.accounts",
    "core.outbox",
    "core.notices",
    "workflow",
    "backoffice",
    "customer_api",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "core.accounts.staff_sessions.StaffSessions",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "backoffice.headers.AdminHeaders",
]
ROOT_URLCONF = "core.urls"
WSGI_APPLICATION = None  # the web process runs core.asgi, see there
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
APPEND_SLASH = True
# django-q2 and import-export index conditionally; MariaDB has no conditional indexes and needs none of theirs.
SILENCED_SYSTEM_CHECKS = ["models.W037"]

# --- Database ------------------------------------------------------------------------------------------------------------

DATABASE_URL = required("DATABASE_URL", f"sqlite:///{VAR_DIR / 'bidangil.sqlite3'}")
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASE = DATABASES["default"]
MYSQL = DATABASE["ENGINE"].endswith("mysql")
# Kept open: the web process answers in a bounded thread pool, so this is at most one connection a thread.
DATABASE["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", 60)
DATABASE["CONN_HEALTH_CHECKS"] = True
DATABASE["ATOMIC_REQUESTS"] = False
if MYSQL:
    DATABASE["OPTIONS"] = {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        "connect_timeout": 5,
        # A lock somebody holds for longer than this is a fault to be seen, not waited for.
        "init_command": "SET SESSION innodb_lock_wait_timeout = 8, lock_wait_timeout = 5, sql_mode = 'STRICT_TRANS_TABLES'",
    }
    DATABASE["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_520_ci"}
else:
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    # IMMEDIATE: a transaction that will write takes its lock at the start, so nothing fails half-way with "database is locked".
    DATABASE["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- People --------------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = reverse_lazy("admin:login")
# Unfold's login form carries no `next`: without this, whoever opens the login page itself lands on a page that does not exist.
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

# Staff sign in with a code of their phone beside the password; locally the demo logins need none.
STAFF_TOTP_REQUIRED = env.bool("STAFF_TOTP_REQUIRED", PRODUCTION)
STAFF_SESSION_LIFETIME, STAFF_SESSION_IDLE = timedelta(hours=8), timedelta(minutes=30)
OTP_TOTP_ISSUER = "Bidangil"
OTP_TOTP_SYNC = False  # a code typed late would move the window for the next one
# Wrong codes are counted under a lock with wrong passwords (core/accounts/login_limit.py), not a second time by the package.
OTP_TOTP_THROTTLE_FACTOR = OTP_STATIC_THROTTLE_FACTOR = 0

SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", HTTPS)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # probes come straight to the process
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Languages and time --------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "core" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Seoul"  # staff work in Seoul; the API answers with the zone written out

# --- Static files and media ----------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
MEDIA_ROOT = VAR_DIR / "media"
#: photos and the like, handed out against signed links alone (workflow/photos.py)
PRIVATE_ROOT = VAR_DIR / "private"
# Where S3_BUCKET is set they lie there instead, at AWS or at S3_ENDPOINT_URL.
S3_BUCKET = required("S3_BUCKET", "")
S3_REGION = env.str("S3_REGION", "ap-northeast-2")
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", "").rstrip("/")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
    "private": {
        "BACKEND": "integrations.storage.PrivateBucket",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "region_name": S3_REGION,
            "endpoint_url": S3_ENDPOINT_URL or None,
            # Where they are not given, the machine's own role signs.
            "access_key": env.str("AWS_ACCESS_KEY_ID", "") or None,
            "secret_key": env.str("AWS_SECRET_ACCESS_KEY", "") or None,
        },
    }
    if S3_BUCKET
    else {"BACKEND": "integrations.storage.PrivateDisk"},
}
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise looks before `collectstatic` has filled it
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", 12 * 1024 * 1024)
MAX_JSON_BODY_BYTES = env.int("MAX_JSON_BODY_BYTES", 1024 * 1024)
#: twelve photos of 10 MB at once, put aside on the disk as they come
MAX_PHOTOS_BODY_BYTES = env.int("MAX_PHOTOS_BODY_BYTES", 125 * 1024 * 1024)
DATA_UPLOAD_MAX_NUMBER_FILES = 24
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# --- Jobs (django-q2; why these numbers: docs/decisions/0003) ------------------------------------------------------------

JOB_TIMEOUT_S = env.int("JOB_TIMEOUT_S", 45)
JOB_RETRY_S = env.int("JOB_RETRY_S", 100)
JOB_WORKERS = env.int("JOB_WORKERS", 2)
SLOW_JOB_TIMEOUT_S = env.int("SLOW_JOB_TIMEOUT_S", 180)
SLOW_JOB_RETRY_S = env.int("SLOW_JOB_RETRY_S", 400)
Q_CLUSTER = {
    "name": "ordinary",
    "orm": "default",
    "workers": JOB_WORKERS,
    "queue_limit": JOB_WORKERS,
    "bulk": 1,
    "poll": 0.2,
    "timeout": JOB_TIMEOUT_S,
    "retry": JOB_RETRY_S,
    "max_attempts": 5,
    "ack_failures": False,
    "save_limit": 20,
    "catch_up": False,
    "recycle": 500,
    "label": "Jobs",
    "ALT_CLUSTERS": {
        "slow": {
            "workers": 1,
            "queue_limit": 1,
            "timeout": SLOW_JOB_TIMEOUT_S,
            "retry": SLOW_JOB_RETRY_S,
            "scheduler": False,
        }
    },
}

# --- The order process ---------------------------------------------------------------------------------------------------

QUOTE_VALID_FOR = timedelta(hours=env.int("QUOTE_VALID_HOURS", 72))
LATE_PAYMENT_GRACE = timedelta(hours=24)
CLAIM_WINDOW = timedelta(days=14)

# --- Who sells: printed on receipts (what is empty is left out) ----------------------------------------------------------

BUSINESS_NAME = env.str("BUSINESS_NAME", "Bidangil 비단길")
BUSINESS_ADDRESS = env.str("BUSINESS_ADDRESS", "" if PRODUCTION else "123 Sandbox-ro, Jung-gu, Seoul 04524, Korea")
BUSINESS_NUMBER = env.str("BUSINESS_NUMBER", "" if PRODUCTION else "000-00-00000")

# --- The outside world (locally all of it is the sandbox) ----------------------------------------------------------------

SANDBOX_URL = env.str("SANDBOX_URL", f"http://127.0.0.1:{SANDBOX_PORT}").rstrip("/")
PROVIDER_CONNECT_TIMEOUT_S = 3.0
PROVIDER_READ_TIMEOUT_S = 10.0

STRIPE_API_BASE = env.str("STRIPE_API_BASE", "https://api.stripe.com" if PRODUCTION else f"{SANDBOX_URL}/stripe")
STRIPE_SECRET_KEY = required("STRIPE_SECRET_KEY", "sk_test_sandbox")
#: the mode of our key; events of the other mode are none of our business
STRIPE_LIVE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
STRIPE_WEBHOOK_SECRETS = [part for part in required("STRIPE_WEBHOOK_SECRET", "whsec_sandbox").split(",") if part]

FEDEX_BASE_URL = env.str("FEDEX_BASE_URL", "https://apis.fedex.com" if PRODUCTION else f"{SANDBOX_URL}/fedex")
FEDEX_CLIENT_ID = required("FEDEX_CLIENT_ID", "sandbox-fedex")
FEDEX_CLIENT_SECRET = required("FEDEX_CLIENT_SECRET", "sandbox-fedex-secret")
UPS_BASE_URL = env.str("UPS_BASE_URL", "https://onlinetools.ups.com" if PRODUCTION else f"{SANDBOX_URL}/ups")
UPS_CLIENT_ID = required("UPS_CLIENT_ID", "sandbox-ups")
UPS_CLIENT_SECRET = required("UPS_CLIENT_SECRET", "sandbox-ups-secret")
EMS_BASE_URL = env.str("EMS_BASE_URL", "http://openapi.epost.go.kr" if PRODUCTION else f"{SANDBOX_URL}/ems")
EMS_SERVICE_KEY = required("EMS_SERVICE_KEY", "sandbox-ems-key")


def webhook_secrets(name: str, local: str) -> list[str]:
    """Comma-separated while one is rolled. Empty: that courier tells us nothing by itself, and its address is not there."""
    return [part.strip() for part in env.str(name, "" if PRODUCTION else local).split(",") if part.strip()]


FEDEX_WEBHOOK_SECRETS = webhook_secrets("FEDEX_WEBHOOK_SECRETS", "sandbox-fedex-webhook")
UPS_WEBHOOK_SECRETS = webhook_secrets("UPS_WEBHOOK_SECRETS", "sandbox-ups-webhook")
EMS_WEBHOOK_SECRETS = webhook_secrets("EMS_WEBHOOK_SECRETS", "sandbox-ems-webhook")

SENS_BASE_URL = env.str("SENS_BASE_URL", "https://sens.apigw.ntruss.com" if PRODUCTION else f"{SANDBOX_URL}/sens")
SENS_SERVICE_ID = required("SENS_SERVICE_ID", "ncp:sms:kr:1:sandbox")
SENS_ACCESS_KEY = required("SENS_ACCESS_KEY", "sandbox-access")
SENS_SECRET_KEY = required("SENS_SECRET_KEY", "sandbox-secret")
SENS_FROM = required("SENS_FROM", "0212345678")
TWILIO_BASE_URL = env.str("TWILIO_BASE_URL", "https://api.twilio.com" if PRODUCTION else f"{SANDBOX_URL}/twilio")
TWILIO_ACCOUNT_SID = required("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
TWILIO_AUTH_TOKEN = required("TWILIO_AUTH_TOKEN", "sandbox-token")
TWILIO_FROM = required("TWILIO_FROM", "+15005550006")

FX_BASE_URLS = env.list(
    "FX_BASE_URLS",
    default=[
        "https://cdn.jsdelivr.net/npm/@fawazahmed0/currency-api@latest",
        "https://oapi.koreaexim.go.kr/site/program/financial",
        "https://api.frankfurter.dev",
    ]
    if PRODUCTION
    else [f"{SANDBOX_URL}/fx/currency-api", f"{SANDBOX_URL}/fx/eximbank", f"{SANDBOX_URL}/fx/frankfurter"],
)
EXIMBANK_AUTH_KEY = required("EXIMBANK_AUTH_KEY", "sandbox-exim")

vars().update(env.email_url_config(required("EMAIL_URL", f"smtp://127.0.0.1:{SANDBOX_PORT + 1}")))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Bidangil <support@bidangil.example>")
STAFF_NOTICE_EMAILS = env.list("STAFF_NOTICE_EMAILS", default=["staff@bidangil.example"])
STAFF_NOTICE_PHONES = env.list("STAFF_NOTICE_PHONES", default=["+821000000001"] if not PRODUCTION else [])

# --- Log lines: one line each, no personal data --------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "core.logs.LineFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.db.backends": {"level": "WARNING"},
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "fontTools": {"level": "WARNING"},  # it tells of every table of a receipt's font
    },
}

# --- The staff's door (the rest of Unfold's settings: backoffice/site.py) ------------------------------------------------


def _asset(name: str) -> Callable[[object], str]:
    """A file of the back office's own, as Unfold asks for it: by a call in each request."""

    def address(_request: object) -> str:
        from django.templatetags.static import static

        return static(f"backoffice/{name}")

    return address


UNFOLD = {
    "SITE_TITLE": "Bidangil",
    "SITE_HEADER": "Bidangil 비단길",
    "SITE_SYMBOL": "local_shipping",
    "SITE_URL": "",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "ENVIRONMENT": "backoffice.site.environment",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "backoffice.site.favicon"}],
    "STYLES": [_asset(f"{name}.css") for name in ("backoffice", "order", "desk", "sign_in", "goods", "photos", "warehouse")],
    "SCRIPTS": [
        _asset(f"{name}.js")
        for name in ("backoffice", "live", "totals", "desk", "keys", "today", "screening", "imports", "photos", "warehouse")
    ],
    "SIDEBAR": {"navigation": "backoffice.sidebar.navigation"},
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Two-step sign-in"), "link": reverse_lazy("admin:two_step")},
        ]
    },
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {  # silk: a deep teal, apart from the green, amber and blue that say whose move it is
            "50": "oklch(97.8% .014 195)",
            "100": "oklch(94.5% .036 195)",
            "200": "oklch(89.5% .065 195)",
            "300": "oklch(82.5% .092 195)",
            "400": "oklch(73% .108 195)",
            "500": "oklch(62.5% .104 195)",
            "600": "oklch(51.5% .088 196)",
            "700": "oklch(44% .074 197)",
            "800": "oklch(37.5% .061 198)",
            "900": "oklch(32% .051 199)",
            "950": "oklch(22.5% .038 200)",
        }
    },
}
