"""Exchange rates over REST, from the command line, and in the books."""

import base64
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from currencies import fetching
from currencies.models import ExchangeRate
from currencies.selectors import find_rate
from currencies.services import RateInvalid, import_ecb_rates, record_rate
from currencies.tests.factories import ecb_file, make_rate
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 1, 26)
BODY = {"baseCurrency": "EUR", "quoteCurrency": "ZAR", "date": "2026-01-26", "rate": "19.05"}


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def client(company: Company) -> Any:
    return api_client(make_user("Finance", company=company))


def test_a_rate_by_hand(client: Any, company: Company) -> None:
    reply = client.post("/api/exchange-rates", BODY, format="json")
    assert reply.status_code == 201, reply.json()
    made = reply.json()
    assert made | {"id": 0, "createdAt": ""} == {
        **BODY,
        "id": 0,
        "companyId": company.pk,
        "source": "manual",
        "createdAt": "",
        "version": 1,
    }
    assert client.get(reply["Location"]).json() == made
    assert Change.objects.get(action="exchange_rate.recorded").company_id == company.pk
    assert not list(faults())


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rate": "0"}, "rate"),
        ({"rate": "-1"}, "rate"),
        ({"rate": "100000"}, "rate"),
        ({"rate": "1.00000000001"}, "rate"),
        ({"quoteCurrency": "EUR"}, "quoteCurrency"),
        ({"quoteCurrency": "QQQ"}, "quoteCurrency"),
        ({"date": "2999-01-01"}, "date"),
        ({"date": "1899-12-31"}, "date"),
    ],
)
def test_what_is_no_rate_is_refused(client: Any, changed: dict[str, str], field: str) -> None:
    reply = client.post("/api/exchange-rates", BODY | changed, format="json")
    assert reply.status_code == 400
    assert field in str(reply.json())
    assert not ExchangeRate.objects.exists()


def test_viewers_read_and_do_not_record(company: Company) -> None:
    make_rate(company)
    viewer = api_client(make_user("Viewer", company=company))
    assert len(viewer.get("/api/exchange-rates").json()["results"]) == 1
    assert viewer.post("/api/exchange-rates", BODY, format="json").status_code == 403


def test_rates_of_others_do_not_exist(client: Any) -> None:
    others = make_rate(make_company())
    assert client.get("/api/exchange-rates").json()["results"] == []
    assert client.get(f"/api/exchange-rates/{others.pk}").status_code == 404


def test_a_file_is_taken_in_once(client: Any, company: Company) -> None:
    content = ecb_file({"2026-01-26": {"USD": "1.2", "ZAR": "20"}, "2026-01-27": {"USD": "1.25", "ZAR": "20"}})
    body = {"file": base64.b64encode(content).decode(), "fileName": "eurofxref-hist-90d.xml"}
    taken = client.post("/api/exchange-rates/import", body, format="json").json()
    assert taken == {
        "companyId": company.pk,
        "firstDate": "2026-01-26",
        "lastDate": "2026-01-27",
        "read": 4,
        "added": 4,
    }
    assert client.post("/api/exchange-rates/import", body, format="json").json()["added"] == 0
    assert "eurofxref-hist-90d.xml, SHA-256 " in Change.objects.get(action="exchange_rates.imported").reason
    rate = find_rate(company_id=company.pk, base="USD", quote="ZAR", day=date(2026, 1, 28))
    assert rate is not None
    assert rate.rate == 16
    assert not list(faults())


def test_a_correction_of_the_bank_is_a_newer_entry_and_one_by_hand_stays(company: Company) -> None:
    import_ecb_rates(actor=SYSTEM, company=company, content=ecb_file({"2026-01-26": {"ZAR": "20"}}))
    import_ecb_rates(actor=SYSTEM, company=company, content=ecb_file({"2026-01-26": {"ZAR": "21"}}))

    def rate_of_monday() -> Any:
        return find_rate(company_id=company.pk, base="EUR", quote="ZAR", day=MONDAY)

    assert rate_of_monday().rate == 21
    make_rate(company, rate="22", day=MONDAY)
    import_ecb_rates(actor=SYSTEM, company=company, content=ecb_file({"2026-01-26": {"ZAR": "23"}}))
    assert rate_of_monday().rate == 22
    assert ExchangeRate.objects.count() == 4


def test_a_file_that_is_none(client: Any) -> None:
    body = {"file": base64.b64encode(b"<a/>").decode()}
    reply = client.post("/api/exchange-rates/import", body, format="json")
    assert reply.status_code == 400
    assert reply.json()["code"] == "rate_file_invalid"


def test_filters_and_pages(client: Any, company: Company) -> None:
    for number in range(4):
        make_rate(company, quote=("ZAR", "USD")[number % 2], day=MONDAY + timedelta(days=number))

    def days(query: str) -> list[str]:
        return [row["date"] for row in client.get(f"/api/exchange-rates?{query}").json()["results"]]

    assert sorted(days("currency=USD")) == ["2026-01-27", "2026-01-29"]
    assert sorted(days("dateFrom=2026-01-28")) == ["2026-01-28", "2026-01-29"]
    assert sorted(days("dateTo=2026-01-26")) == ["2026-01-26"]
    assert days("source=ecb") == []


def test_a_rate_never_changes(company: Company) -> None:
    rate = make_rate(company)
    with pytest.raises(DatabaseError), transaction.atomic():
        ExchangeRate.objects.filter(pk=rate.pk).update(rate=Decimal(1), version=2)
    with pytest.raises(DatabaseError), transaction.atomic():
        rate.delete()


def test_a_day_to_come_has_no_rate_yet(company: Company) -> None:
    with pytest.raises(RateInvalid):
        record_rate(
            actor=SYSTEM,
            company=company,
            base_currency="EUR",
            quote_currency="ZAR",
            day=company.today() + timedelta(days=1),
            rate=Decimal(20),
        )


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("exchange_rates", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_takes_a_file_in_for_every_company(tmp_path: Path, company: Company) -> None:
    make_company()
    file = tmp_path / "eurofxref-daily.xml"
    file.write_bytes(ecb_file({"2026-01-26": {"ZAR": "20"}}))
    assert run("--file", str(file)).count("1 new of 1 rates") == 2
    assert run("--file", str(file), "--company", str(company.pk)).count("0 new of 1 rates") == 1


def test_the_command_fetches_over_https_only(monkeypatch: pytest.MonkeyPatch, company: Company) -> None:
    asked = []

    def answer(url: str) -> bytes:
        asked.append(url)
        return ecb_file({"2026-01-26": {"ZAR": "20"}})

    monkeypatch.setattr("currencies.management.commands.exchange_rates.fetch", answer)
    assert "1 new" in run()
    assert asked == [fetching.ECB_DAILY_URL]
    monkeypatch.undo()
    for url in ("http://example.com/rates.xml", "file:///etc/passwd", "ftp://example.com/a", "https:///nowhere"):
        with pytest.raises(CommandError):
            run("--url", url)


@pytest.mark.parametrize("arguments", [("--file", "/no/such/file"), ("--company", "999999")])
def test_the_command_says_what_is_wrong(company: Company, arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
