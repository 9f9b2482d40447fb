"""The VAT report in the company's own currency, from what was frozen with each document."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from credits.tests.factories import make_credit_note
from invoices.services import cancel_invoice, issue_invoice
from invoices.tests.factories import make_draft, make_item
from parties.models import Company
from parties.services import update_company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 5)
SPAN = "from=2026-03-01&to=2026-03-31"


@pytest.fixture
def company() -> Company:
    return make_company()


def issued(company: Company, currency: str, price: str, rate: str | None = None, **details: Any) -> Any:
    draft = make_draft(company, make_item(price), currency=currency, issue_date=DAY, **details)
    by_hand = None if rate is None else Decimal(rate)
    return issue_invoice(actor=SYSTEM, invoice_id=draft.pk, exchange_rate=by_hand)


def report(company: Company, query: str = SPAN) -> Any:
    client = api_client(make_user("Viewer", company))
    return client.get(f"/api/reports/vat?{query}&companyId={company.pk}").json()


def worth(company: Company) -> dict[str, Any]:
    return {one["currency"]: one["vatTotalInCompanyCurrency"] for one in report(company)["results"]}


def shown(amount: str, left_out: int = 0) -> dict[str, Any]:
    return {"currency": "ZAR", "amount": amount, "documentsLeftOut": left_out}


def test_each_currency_and_all_of_them_in_the_companys(company: Company) -> None:
    issued(company, "ZAR", "100")
    issued(company, "EUR", "100", "20.5")
    issued(company, "EUR", "10", "21")
    issued(company, "JPY", "10000", "0.12345")
    cancel_invoice(actor=SYSTEM, invoice_id=issued(company, "EUR", "1000", "20").pk)

    assert worth(company) == {"EUR": shown("339.00"), "JPY": shown("185.18"), "ZAR": shown("15.00")}
    assert report(company)["totalsInCompanyCurrency"] == [shown("539.18")]
    assert report(company, f"{SPAN}&currency=EUR")["totalsInCompanyCurrency"] == [shown("339.00")]
    assert report(company, "from=2026-04-01&to=2026-04-30")["totalsInCompanyCurrency"] == []


def test_what_was_frozen_in_another_currency_is_said_to_be_left_out(company: Company) -> None:
    issued(company, "EUR", "100", "20.5")
    update_company(actor=SYSTEM, company_id=company.pk, currency="USD")
    issued(company, "EUR", "100", "1.2")

    assert report(company)["totalsInCompanyCurrency"] == [{"currency": "USD", "amount": "18.00", "documentsLeftOut": 1}]


def test_credit_notes_take_off_what_was_frozen_with_their_invoice_to_the_cent(company: Company) -> None:
    # three pieces at 3.33: VAT 1.50 EUR, frozen as 30.77 ZAR, of which each note takes a third
    draft = make_draft(company, make_item("3.33", "3"), currency="EUR", issue_date=DAY)
    invoice = issue_invoice(actor=SYSTEM, invoice_id=draft.pk, exchange_rate=Decimal("20.5123"))
    whole = worth(company)["EUR"]["amount"]
    today = company.today()
    span = f"from={today}&to={today}"
    seen = []
    for _ in range(3):
        make_credit_note(invoice, "1")
        seen.append(Decimal(report(company, span)["results"][0]["vatTotalInCompanyCurrency"]["amount"]))

    assert seen[-1] == -Decimal(whole)
    assert seen == sorted(seen, reverse=True)
    assert all(abs(amount + Decimal(whole) * number / 3) <= Decimal("0.21") for number, amount in enumerate(seen, 1))


def test_a_credit_note_of_what_was_frozen_in_another_currency_is_left_out(company: Company) -> None:
    invoice = issued(company, "EUR", "100", "20.5")
    update_company(actor=SYSTEM, company_id=company.pk, currency="USD")
    make_credit_note(invoice)
    today = company.today()

    assert report(company, f"from={today}&to={today}")["totalsInCompanyCurrency"] == [
        {"currency": "USD", "amount": "0.00", "documentsLeftOut": 1}
    ]


def test_on_the_page_and_in_the_file(company: Company) -> None:
    issued(company, "ZAR", "100")
    issued(company, "EUR", "100", "20.5")
    client = Client()
    client.force_login(make_user("Finance", company))
    address = "/admin/reports/vat/?first=2026-03-01&last=2026-03-31"

    page = client.get(address).content.decode()
    assert "In ZAR" in page
    assert "307.50" in page
    assert "322.50" in page

    file = b"".join(client.get(f"{address}&format=csv")).decode()
    assert "companyCurrency,companyVatTotal,documentsLeftOut" in file
    assert "ZAR,307.50,0" in file
