"""Exchange rates in the admin: by hand, and from a file that is shown before it is taken in."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import make_user
from currencies.models import ExchangeRate
from currencies.tests.factories import ecb_file, make_rate
from invoices.models import Invoice
from invoices.tests.factories import make_draft
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

LIST = "/admin/currencies/exchangerate/"
IMPORT = f"{LIST}import/"


@pytest.fixture
def company() -> Company:
    return make_company()


def signed_in(role: str, company: Company) -> Client:
    client = Client()
    client.force_login(make_user(role, company))
    return client


def typed(company: Company, **changed: Any) -> dict[str, Any]:
    values = {"company": company.pk, "day": "2026-01-26", "base_currency": "EUR", "quote_currency": "ZAR"}
    return values | {"rate": "19,05"} | changed


def test_a_rate_is_typed_and_found_in_the_list(company: Company) -> None:
    client = signed_in("Finance", company)
    assert client.post(f"{LIST}add/", typed(company)).status_code == 302
    assert "19.05" in client.get(LIST).content.decode()
    page = client.get(f"{LIST}{ExchangeRate.objects.get().pk}/change/").content.decode()
    assert "19.05" in page
    assert 'name="_save"' not in page


def test_a_refusal_stands_in_the_form(company: Company) -> None:
    reply = signed_in("Finance", company).post(f"{LIST}add/", typed(company, quote_currency="EUR"))
    assert "A rate is between two currencies." in reply.content.decode()
    assert not ExchangeRate.objects.exists()


def test_viewers_read_and_import_nothing(company: Company) -> None:
    make_rate(company)
    client = signed_in("Viewer", company)
    assert IMPORT not in client.get(LIST).content.decode()
    assert client.get(IMPORT).status_code == 403
    assert client.post(f"{LIST}add/", typed(company)).status_code == 403


def test_a_file_is_shown_before_it_is_taken_in(company: Company) -> None:
    client = signed_in("Finance", company)
    assert IMPORT in client.get(LIST).content.decode()
    assert client.get(IMPORT).status_code == 200
    file = SimpleUploadedFile("daily.xml", ecb_file({"2026-01-26": {"ZAR": "19.05", "USD": "1.19"}}))
    shown = client.post(IMPORT, {"company": company.pk, "file": file})
    assert "ZAR 19.05" in shown.content.decode()
    assert not ExchangeRate.objects.exists()

    sent = {"company": company.pk, "confirm": "1", **{name: shown.context[name] for name in ("content", "file_name")}}
    assert client.post(IMPORT, sent).status_code == 302
    assert ExchangeRate.objects.count() == 2
    assert "2 of 2 rates were new" in client.get(LIST).content.decode()


@pytest.mark.parametrize("sent", [{"content": "?"}, {"content": ""}, {"content": "PGEvPg=="}])
def test_what_is_no_file_is_refused(company: Company, sent: dict[str, str]) -> None:
    reply = signed_in("Finance", company).post(IMPORT, {"company": company.pk, "confirm": "1", **sent})
    assert reply.status_code == 200
    assert reply.context["form"].errors["file"]


def test_a_file_for_another_company_is_refused(company: Company) -> None:
    reply = signed_in("Finance", company).post(IMPORT, {"company": make_company().pk, "confirm": "1", "content": ""})
    assert reply.context["form"].errors["company"]


def test_a_draft_in_another_currency_is_issued_at_the_rate_that_is_typed(company: Company) -> None:
    client = signed_in("Finance", company)
    draft = make_draft(company, currency="EUR")
    address = reverse("admin:invoices_invoice_issue", args=[draft.pk])
    assert "What 1 EUR is in ZAR" in client.get(address).content.decode()
    assert "there is no exchange rate" in client.post(address, {"version": 1}).content.decode()
    assert client.post(address, {"version": 1, "exchange_rate": "20,5"}).status_code == 302
    assert Invoice.objects.get().company_vat_total == 307.5
    document = client.get(reverse("admin:invoices_invoice_change", args=[draft.pk])).content.decode()
    assert "VAT in ZAR" in document
    assert "307.50" in document


def test_in_the_companys_own_currency_no_rate_is_asked_for(company: Company) -> None:
    address = reverse("admin:invoices_invoice_issue", args=[make_draft(company).pk])
    assert 'name="exchange_rate"' not in signed_in("Finance", company).get(address).content.decode()
