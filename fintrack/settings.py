"""Settings of FinTrack, all from the environment (see the table in the README).

With DEBUG off (the default, and what ``fintrack/wsgi.py`` and the image use) missing or weak secrets stop
the start: a production installation cannot run on defaults that everybody knows.
"""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
MINIMUM_SECRET_CHARACTERS = 32
ORIGIN = re.compile(
    r"(?!http:.*:80$)(?!https:.*:443$)https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?"
)
"""An origin as browsers write it; one written otherwise would never match."""
DEVELOPMENT_SECRET_KEY = "development-only-secret-key-never-use-it-in-production"
DEVELOPMENT_JWT_SIGNING_KEY = "development-only-signing-key-never-use-it-in-production"

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env", overwrite=False)

DEBUG = env.bool("DEBUG", default=os.environ.get("DEBUG_DEFAULT") == "on")
"""Off, unless the environment or .env says otherwise; manage.py and the tests only change what stands for silence."""


def is_weak(value: str) -> bool:
    """Whether a secret is too short, not varied enough, or one that everybody knows."""
    return len(value) < MINIMUM_SECRET_CHARACTERS or len(set(value)) < 10 or "development-only" in value


def secret(name: str, development_value: str) -> str:
    """The secret `name`; with DEBUG off it must be set, long enough, varied and not a development value."""
    value: str = env.str(name, default="")
    if DEBUG:
        return value or development_value
    if is_weak(value):
        raise ImproperlyConfigured(
            f"{name} is missing or weak. Set it to at least {MINIMUM_SECRET_CHARACTERS} random characters, "
            'for example: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return value


def names(name: str, default: list[str]) -> list[str]:
    """The comma-separated list `name`, blanks around its items ignored."""
    return [item.strip() for item in env.list(name, default=default) if item.strip()]


def origins(name: str) -> list[str]:
    """The origins in the list `name`, none by default; any that no browser would send stops the start."""
    found = names(name, default=[])
    wrong = [origin for origin in found if not ORIGIN.fullmatch(origin)]
    if wrong:
        raise ImproperlyConfigured(
            f"{name} holds {', '.join(wrong)}. Write each origin as browsers do: scheme and host in small letters, the "
            "port where it is not the usual one, no path and no *; for example https://shop.example.com."
        )
    return found


def public_url(name: str) -> str:
    """The origin `name`, "" where it is not set; with DEBUG off it is https, since what it leads to is private."""
    value: str = env.str(name, default="").strip().rstrip("/")
    if value and not (ORIGIN.fullmatch(value) and (DEBUG or value.startswith("https://"))):
        raise ImproperlyConfigured(
            f"{name} is {value}. Write the address at which customers reach FinTrack: https (http in development), the "
            "host in small letters, no path; for example https://books.example.com."
        )
    return value


SECRET_KEY = secret("SECRET_KEY", DEVELOPMENT_SECRET_KEY)
JWT_SIGNING_KEY = secret("JWT_SIGNING_KEY", DEVELOPMENT_JWT_SIGNING_KEY)
# Earlier values of SECRET_KEY, newest first: what they signed or encrypted (sessions, links, second
# factors) stays good until they are taken out.
SECRET_KEY_FALLBACKS = names("SECRET_KEY_FALLBACKS", default=[])
if not DEBUG and any(map(is_weak, SECRET_KEY_FALLBACKS)):
    raise ImproperlyConfigured(
        "SECRET_KEY_FALLBACKS holds a weak secret: take it out, and what it signed dies with it."
    )
if JWT_SIGNING_KEY == SECRET_KEY:
    raise ImproperlyConfigured("JWT_SIGNING_KEY must differ from SECRET_KEY.")

ALLOWED_HOSTS = names("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
if not DEBUG and (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS):
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts that FinTrack answers for (and not *).")
PUBLIC_URL = public_url("PUBLIC_URL")
CSRF_TRUSTED_ORIGINS = names("CSRF_TRUSTED_ORIGINS", default=[])

# Programs in browsers on other origins call the API with a token of their own; cookies are never accepted from there.
CORS_ALLOWED_ORIGINS = origins("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_METHODS = ["GET", "POST", "PATCH", "DELETE"]
CORS_ALLOW_HEADERS = ["authorization", "content-type", "if-match", "idempotency-key", "x-request-id"]
CORS_EXPOSE_HEADERS = ["ETag", "Location", "Retry-After", "Idempotent-Replayed", "X-Request-ID", "Content-Disposition"]
CORS_PREFLIGHT_MAX_AGE = 60 * 60

INSTALLED_APPS = [
    "fintrack",
    "accounts",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simple_history",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_tasks",
    "core",
    "audit",
    "parties",
    "currencies",
    "invoices",
    "reports",
    "payments",
    "credits",
    "imports",
    "portal",
    "notifications",
    "django_tasks_db",  # after notifications, whose db_worker takes the place of its own. Last is an application with
    # tables: what follows every migrate runs after the last that has some.
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "core.request_context.RequestIdMiddleware",
    "core.middleware.BodyLimitMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.TooManyAttemptsMiddleware",
    "core.middleware.OutageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
"""The admin's messages. Storing them in a cookie first costs every request of the API its keys."""

ROOT_URLCONF = "fintrack.urls"
WSGI_APPLICATION = "fintrack.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# The default is no URL: a checkout's path may hold characters that mean something in one (#, %, +).
database: dict[str, Any] = (
    env.db_url("DATABASE_URL")
    if env.str("DATABASE_URL", default="")
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": str(BASE_DIR / "db.sqlite3")}
)
DATABASES = {"default": database}
# Nobody waits longer for a lock than a caller would: the answer is then 503 (or 409), and nothing was changed.
lock_timeout_seconds = env.int("DATABASE_LOCK_TIMEOUT_SECONDS", default=5)
if database["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock when a transaction begins, so that no reader has to be upgraded (and
    # refused) later; recursive_triggers makes REPLACE fire the DELETE triggers; trusted_schema lets the
    # recording triggers call the function that names the open journal entry.
    database.setdefault("OPTIONS", {}).update(
        transaction_mode="IMMEDIATE",
        timeout=lock_timeout_seconds,
        init_command=(
            "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA recursive_triggers=ON;PRAGMA trusted_schema=ON"
        ),
    )
    # The covering indexes are PostgreSQL's: SQLite leaves out the columns that they carry along and reads them from
    # the table, which is as right, and fast enough for what it is for.
    SILENCED_SYSTEM_CHECKS = ["models.W040"]
else:
    # Compiling a statement to machine code takes longer than any statement of ours gains by it. A plan made for any
    # value, as the server would keep one, reads a million rows where the value is a rare one.
    database.setdefault("OPTIONS", {})["options"] = (
        f"-c lock_timeout={1000 * lock_timeout_seconds} -c jit=off -c plan_cache_mode=force_custom_plan"
    )
    # The server keeps each statement parsed. Off behind a pool of transactions that cannot follow that.
    if env.bool("DATABASE_PREPARED_STATEMENTS", default=True):
        database["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": 1}
    # With ?pool=true threads share connections; a pool allows no persistent connections beside its own.
    pooled = database.get("OPTIONS", {}).get("pool") == "true"
    if pooled:
        database["OPTIONS"]["pool"] = True
    database.update(
        CONN_MAX_AGE=0 if pooled else env.int("DATABASE_CONNECTION_SECONDS", default=60), CONN_HEALTH_CHECKS=True
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.RoleBackend"]
TWO_FACTOR_REQUIRED = env.bool("TWO_FACTOR_REQUIRED", default=False)
"""Everybody who signs in needs a second factor, and sets one up before anything else."""
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "accounts.password_rules.MaximumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["fintrack.formats"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
if EMAIL_CONFIG["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend":
    EMAIL_BACKEND = "notifications.smtp.WatchedBackend"  # the same, and says how far a mail came
EMAIL_TIMEOUT = EMAIL_CONFIG.get("EMAIL_TIMEOUT", 30)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="FinTrack <fintrack@localhost>")
PASSWORD_RESET_TIMEOUT = 60 * 60

# Jobs are rows that commit with the command that asks for them; `manage.py db_worker` does them.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^health$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0)
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

# The look of the admin; a name with dots is a function of the request.
UNFOLD = {
    "SITE_TITLE": "FinTrack",
    "SITE_HEADER": "FinTrack",
    "SITE_SYMBOL": "receipt_long",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "fintrack.desk.icon"}],
    "STYLES": ["fintrack.desk.stylesheet"],
    "SCRIPTS": ["fintrack.desk.focus_script", "fintrack.desk.names_script", "fintrack.desk.scroll_script"],
    "DASHBOARD_CALLBACK": "reports.home.home_context",
    "SIDEBAR": {"navigation": "fintrack.desk.navigation"},
    "ACCOUNT": {"navigation": "fintrack.desk.own_account"},
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
}

# The triggers of the audit room write the history; simple-history's own signal handlers stay silent.
SIMPLE_HISTORY_ENABLED = False
SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_DATE_INDEX = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.SignInAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["core.permissions.DeclaredPermission"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "core.api.problems.problem_handler",
    "URL_FORMAT_OVERRIDE": None,
    "DATETIME_FORMAT": "iso-8601",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SIMPLE_JWT = {
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ALGORITHM": "HS256",
    "ISSUER": env.str("JWT_ISSUER", default="FinTrack"),
    "AUDIENCE": env.str("JWT_AUDIENCE", default="FinTrack"),
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("JWT_ACCESS_MINUTES", default=15)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("JWT_REFRESH_DAYS", default=14)),
    "USER_ID_CLAIM": "sub",
    "UPDATE_LAST_LOGIN": False,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "FinTrack",
    "VERSION": "1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayOperationId": True, "deepLinking": True},
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "fintrack.api_document.name_report_formats",
        "core.api.schema.name_parameters",
        "core.api.schema.add_shared_components",
        "fintrack.api_document.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "BulkCreateAction": "invoices.bulk_api.CREATE",
        "BulkIssueAction": "invoices.bulk_api.ISSUE_DRAFTS",
        "QuickStatus": "invoices.api.QUICK_STATUSES",
        "RateSource": "currencies.models.RateSource",
        "RecordedAction": "audit.api.ACTION_CHOICES",
        "VatRounding": "parties.models.VatRounding",
        "InvoiceStatus": "invoices.lifecycle.Status",
        "RecurringStatus": "invoices.recurring.models.RecurringStatus",
        "RecurringInterval": "invoices.recurring.intervals.Interval",
        "RecurringAction": "invoices.recurring.models.OnRun",
        "PaymentMethod": "payments.ledger.Method",
        "EntryKind": "payments.ledger.Kind",
        "CreditEntryKind": "payments.accounts.rules.AccountKind",
        "Remainder": "payments.accounts.rules.Remainder",
        "SeriesKind": "invoices.models.SeriesKind",
        "Role": "accounts.roles.Role",
        "SessionKind": "accounts.sign_ins.api.KINDS",
        "VatCategory": "invoices.totals.VatCategory",
        "MessageKind": "notifications.kinds.Kind",
        "MessageState": "notifications.kinds.State",
        "Language": "parties.models.Language",
        "Paper": "parties.models.Paper",
        "MovementKind": "reports.statements.KINDS",
        "AgingBucket": "reports.periods.BUCKETS",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "core.request_context.RequestIdFilter"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}},
    "loggers": {"django": {"handlers": []}},  # its own handlers would say everything twice
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
