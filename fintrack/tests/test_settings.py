"""The settings are read by a process of their own, with an environment of which nothing is inherited."""

import json
import re
import subprocess
import sys

import pytest
from django.conf import settings

GOOD = {
    "SECRET_KEY": "wR7-fK2pL9xQ4vN8mZ3tB6yH1jD5sG0aC7eU",
    "JWT_SIGNING_KEY": "Xq3_Vb8nM1kJ6hG4fD9sA2pO7iU5yT0rE3wZ",
    "ALLOWED_HOSTS": "books.example",
}
# A developer's own .env must not help out.
PROGRAM = """
import environ, json
environ.Env.read_env = classmethod(lambda *args, **options: None)
from fintrack import settings
names = ("DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "CORS_ALLOWED_ORIGINS", "DATABASES", "SECURE_SSL_REDIRECT",
         "EMAIL_BACKEND", "PUBLIC_URL", "SECRET_KEY_FALLBACKS", "SILENCED_SYSTEM_CHECKS")
print(json.dumps({name: getattr(settings, name, []) for name in names}))
"""


def read(**environment):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def values(**environment):
    result = read(**environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


def test_production_starts_with_good_secrets():
    found = values(**GOOD)

    assert found["DEBUG"] is False
    assert found["ALLOWED_HOSTS"] == ["books.example"]
    assert found["SECURE_SSL_REDIRECT"] is True


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SIGNING_KEY"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "short",
        "x" * 64,
        "abcabcabc" * 8,
        settings.DEVELOPMENT_SECRET_KEY,
        settings.DEVELOPMENT_JWT_SIGNING_KEY,
    ],
)
def test_production_refuses_missing_weak_and_default_secrets(name, value):
    given = without(name) if value is None else GOOD | {name: value}

    result = read(**given)

    assert result.returncode != 0
    assert f"{name} is missing or weak" in result.stderr


def test_production_refuses_one_secret_for_both():
    result = read(**GOOD | {"JWT_SIGNING_KEY": GOOD["SECRET_KEY"]})

    assert result.returncode != 0
    assert "must differ" in result.stderr


@pytest.mark.parametrize("hosts", [None, "", " , ", "*", "books.example, *"])
def test_production_refuses_missing_or_open_hosts(hosts):
    given = without("ALLOWED_HOSTS") if hosts is None else GOOD | {"ALLOWED_HOSTS": hosts}

    result = read(**given)

    assert result.returncode != 0
    assert "ALLOWED_HOSTS must name" in result.stderr


@pytest.mark.parametrize(
    "address", ["", "https://books.example", "https://books.example:8443", "https://[2001:db8::1]"]
)
def test_the_public_address_is_an_https_origin(address):
    assert values(**GOOD, PUBLIC_URL=f"{address}/" if address else "")["PUBLIC_URL"] == address


@pytest.mark.parametrize(
    "address",
    [
        "http://books.example",
        "https://books.example/i",
        "books.example",
        "https://Books.example",
        "javascript:alert(1)",
    ],
)
def test_production_refuses_any_other_public_address(address):
    result = read(**GOOD, PUBLIC_URL=address)

    assert result.returncode != 0
    assert f"PUBLIC_URL is {address}. Write the address" in result.stderr


def test_in_development_the_public_address_may_be_of_this_machine():
    assert values(DEBUG="on", PUBLIC_URL="http://127.0.0.1:8000")["PUBLIC_URL"] == "http://127.0.0.1:8000"


def test_earlier_secrets_are_as_good_as_the_present_one():
    earlier = GOOD["JWT_SIGNING_KEY"][::-1]

    assert values(**GOOD, SECRET_KEY_FALLBACKS=f"{earlier}, ")["SECRET_KEY_FALLBACKS"] == [earlier]
    refused = read(**GOOD, SECRET_KEY_FALLBACKS=f"{earlier}, short")
    assert refused.returncode != 0
    assert "SECRET_KEY_FALLBACKS holds a weak secret" in refused.stderr


def test_the_example_names_every_variable_that_is_read():
    source = (settings.BASE_DIR / "fintrack" / "settings.py").read_text()
    example = (settings.BASE_DIR / ".env.example").read_text()

    read_names = set(re.findall(r'(?:env\.\w+|names|origins|secret|public_url)\(\s*"([A-Z_]+)"', source))

    assert {"DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "JWT_ISSUER"} <= read_names
    assert read_names <= set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))


def test_development_starts_on_the_example_as_it_is():
    example = (settings.BASE_DIR / ".env.example").read_text()
    given = dict(line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#"))

    assert values(DEBUG="on", **given)["DEBUG"] is True


def test_development_needs_nothing():
    found = values(DEBUG="on")

    assert found["DEBUG"] is True
    assert found["DATABASES"]["default"]["NAME"] == str(settings.BASE_DIR / "db.sqlite3")


@pytest.mark.parametrize(
    ("url", "option", "by_default", "given"),
    [
        ("sqlite:///books.sqlite3", "timeout", 5, 2),
        (
            "postgres://u:p@h:5432/n",
            "options",
            "-c lock_timeout=5000 -c jit=off -c plan_cache_mode=force_custom_plan",
            "-c lock_timeout=2000 -c jit=off -c plan_cache_mode=force_custom_plan",
        ),
    ],
)
def test_a_lock_is_waited_for_equally_long_on_both_databases(url, option, by_default, given):
    def waits(**environment):
        return values(DEBUG="on", DATABASE_URL=url, **environment)["DATABASES"]["default"]["OPTIONS"][option]

    assert waits() == by_default
    assert waits(DATABASE_LOCK_TIMEOUT_SECONDS="2") == given


def test_blanks_in_lists_do_not_matter():
    found = values(
        **GOOD
        | {"ALLOWED_HOSTS": "a.example, b.example,", "CSRF_TRUSTED_ORIGINS": "https://a.example, https://b.example"}
    )

    assert found["ALLOWED_HOSTS"] == ["a.example", "b.example"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://a.example", "https://b.example"]


def test_no_other_origin_may_call_the_api_by_default():
    assert values(**GOOD)["CORS_ALLOWED_ORIGINS"] == []


def test_origins_are_taken_as_browsers_write_them():
    origins = ["https://shop.example.com", "http://localhost:5173", "https://books.example:8443", "http://[::1]:3000"]

    found = values(**GOOD | {"CORS_ALLOWED_ORIGINS": ", ".join(origins)})

    assert found["CORS_ALLOWED_ORIGINS"] == origins


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "shop.example.com",
        "//shop.example.com",
        "ftp://shop.example.com",
        "https://",
        "https://*.example.com",
        "https://shop.example.com/",
        "https://shop.example.com/path",
        "https://shop.example.com?x=1",
        "https://user@shop.example.com",
        "https://Shop.example.com",
        "https://shop.example.com:443",
        "http://shop.example.com:80",
        "https://shop.example.com:port",
        "https://shop example.com",
    ],
)
def test_an_origin_that_no_browser_sends_stops_the_start(origin):
    result = read(**GOOD | {"CORS_ALLOWED_ORIGINS": f"https://good.example, {origin}"})

    assert result.returncode != 0
    assert f"CORS_ALLOWED_ORIGINS holds {origin}. Write each origin as browsers do" in result.stderr


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////var/lib/fintrack/books.sqlite3", "/var/lib/fintrack/books.sqlite3"),
        ("sqlite:///books.sqlite3", "books.sqlite3"),
        ("sqlite://:memory:", ":memory:"),
    ],
)
def test_sqlite(url, name):
    database = values(**GOOD | {"DATABASE_URL": url})["DATABASES"]["default"]

    assert (database["ENGINE"], database["NAME"]) == ("django.db.backends.sqlite3", name)
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"], ids=["short", "long"])
def test_postgresql(scheme):
    url = f"{scheme}://books:p%40ss@db.example:5433/fintrack"

    database = values(**GOOD | {"DATABASE_URL": url})["DATABASES"]["default"]

    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert [database[key] for key in ("HOST", "PORT", "USER", "PASSWORD", "NAME")] == [
        "db.example",
        5433,
        "books",
        "p@ss",
        "fintrack",
    ]
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (60, True)


def test_postgresql_with_a_pool_keeps_no_connections_beside_it():
    url = "postgres://books@db.example/fintrack?pool=true"

    database = values(**GOOD | {"DATABASE_URL": url})["DATABASES"]["default"]

    assert database["OPTIONS"]["pool"] is True
    assert database["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize("scheme", ["smtp", "smtp+tls", "smtp+ssl"])
def test_mail_over_smtp_is_watched(scheme):
    assert values(**GOOD | {"EMAIL_URL": f"{scheme}://u:p@h:587"})["EMAIL_BACKEND"] == (
        "notifications.smtp.WatchedBackend"
    )


def test_other_ways_of_mail_are_left_as_they_are():
    assert values(**GOOD)["EMAIL_BACKEND"] == "django.core.mail.backends.console.EmailBackend"


@pytest.mark.parametrize(("url", "silenced"), [("sqlite://:memory:", ["models.W040"]), ("postgres://u@h/d", [])])
def test_only_sqlite_keeps_quiet_about_what_its_indexes_cannot_carry(url, silenced):
    assert values(DEBUG="on", DATABASE_URL=url)["SILENCED_SYSTEM_CHECKS"] == silenced
