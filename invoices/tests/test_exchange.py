"""Invoices in another currency than their company's: what their VAT is worth in the company's is frozen at issue."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.services import recording
from core.money import AmountTooLarge
from currencies.services import RateInvalid
from currencies.tests.factories import make_rate
from invoices.books import company_vat_follows_from_rates
from invoices.bulk import DraftToIssue, NewInvoice, create_invoices, issue_invoices
from invoices.exchange import NoExchangeRate
from invoices.models import Invoice
from invoices.pdf import page_of, seller_of
from invoices.recurring.run import run_company, run_recurring
from invoices.services import issue_invoice
from invoices.tests.factories import make_draft, make_issued, make_item, make_recurring
from parties.models import Company
from parties.services import update_company
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

DAY = date(2026, 1, 26)


@pytest.fixture
def company() -> Company:
    return make_company()


def draft_in(currency: str, company: Company, *items: Any, **details: Any) -> Invoice:
    return make_draft(company, *items, currency=currency, issue_date=DAY, **details)


def frozen(invoice: Invoice) -> tuple[Any, ...]:
    invoice.refresh_from_db()
    return (
        invoice.exchange_rate,
        invoice.exchange_rate_date,
        invoice.exchange_rate_source,
        invoice.company_currency,
        invoice.company_vat_total,
    )


NOTHING = (None,) * 5


def test_vat_is_stated_in_the_companys_currency(company: Company) -> None:
    make_rate(company, rate="20.5", day=DAY - timedelta(days=2))
    invoice = issue_invoice(actor=SYSTEM, invoice_id=draft_in("EUR", company, make_item("100.10")).pk)
    assert invoice.vat_total == Decimal("15.02")
    assert frozen(invoice) == (Decimal("20.5"), date(2026, 1, 24), "manual", "ZAR", Decimal("307.91"))
    assert not list(faults())


def test_in_the_companys_own_currency_there_is_no_rate(company: Company) -> None:
    assert frozen(make_issued(company)) == NOTHING


def test_without_a_rate_it_is_not_issued_and_the_error_says_what_to_do(company: Company) -> None:
    make_rate(company, rate="20.5", day=DAY - timedelta(days=8))
    draft = draft_in("EUR", company)
    with pytest.raises(NoExchangeRate, match=r"Record one under Exchange rates.*exchangeRate: what 1 EUR is in ZAR"):
        issue_invoice(actor=SYSTEM, invoice_id=draft.pk)
    draft.refresh_from_db()
    assert draft.number is None


def test_without_vat_no_rate_is_needed_and_one_is_kept_where_there_is_one(company: Company) -> None:
    first = issue_invoice(actor=SYSTEM, invoice_id=draft_in("EUR", company, make_item(vat_rate="0")).pk)
    assert frozen(first) == NOTHING
    make_rate(company, rate="20.5", day=DAY)
    second = issue_invoice(actor=SYSTEM, invoice_id=draft_in("EUR", company, make_item(vat_rate="0")).pk)
    assert frozen(second) == (Decimal("20.5"), DAY, "manual", "ZAR", Decimal(0))


def test_a_rate_by_hand_goes_before_the_recorded_one(company: Company) -> None:
    make_rate(company, rate="20.5", day=DAY)
    invoice = issue_invoice(actor=SYSTEM, invoice_id=draft_in("EUR", company).pk, exchange_rate=Decimal(21))
    assert frozen(invoice) == (Decimal(21), DAY, "manual", "ZAR", Decimal(315))


@pytest.mark.parametrize("rate", ["0", "-1", "100000"])
def test_an_impossible_rate_is_refused(company: Company, rate: str) -> None:
    with pytest.raises(RateInvalid):
        issue_invoice(actor=SYSTEM, invoice_id=draft_in("EUR", company).pk, exchange_rate=Decimal(rate))


def test_a_rate_that_nobody_needs_is_refused(company: Company) -> None:
    with pytest.raises(RateInvalid):
        issue_invoice(actor=SYSTEM, invoice_id=make_draft(company).pk, exchange_rate=Decimal(1))


def test_what_no_column_can_hold_is_refused_alone_and_among_others(company: Company) -> None:
    huge = [draft_in("EUR", company, make_item("800000000", "100")).pk for _ in range(2)]
    small = draft_in("EUR", company).pk
    with pytest.raises(AmountTooLarge, match="too large an amount of ZAR"):
        issue_invoice(actor=SYSTEM, invoice_id=huge[0], exchange_rate=Decimal(50))
    rows = [DraftToIssue(invoice_id=pk, exchange_rate=Decimal(50)) for pk in (*huge, small)]
    outcomes = issue_invoices(actor=SYSTEM, rows=rows)
    assert [type(outcome).__name__ for outcome in outcomes] == ["AmountTooLarge", "AmountTooLarge", "Invoice"]
    assert not list(faults())


def test_many_at_once(company: Company) -> None:
    customer = make_customer(company)
    make_rate(company, rate="20", day=DAY)
    new = {"company": company, "customer_id": customer.pk, "items": [make_item()], "issue_date": DAY, "issue": True}
    outcomes = create_invoices(
        actor=SYSTEM,
        rows=[
            NewInvoice(**new),
            NewInvoice(**new, currency="EUR"),
            NewInvoice(**new, currency="USD"),
            NewInvoice(**new, currency="USD", exchange_rate=Decimal(18)),
            NewInvoice(**new | {"issue": False}, currency="USD"),
            NewInvoice(**new | {"issue": False}, currency="USD", exchange_rate=Decimal(18)),
            NewInvoice(**new | {"issue": False}, currency="EUR", number="OLD-1"),
            NewInvoice(**new | {"issue": False}, currency="USD", number="OLD-2"),
        ],
    )
    made = [type(one).__name__ if not isinstance(one, Invoice) else one.company_vat_total for one in outcomes]
    assert made == [None, 300, "NoExchangeRate", 270, None, "RateInvalid", 300, "NoExchangeRate"]
    drafts = [draft_in(currency, company).pk for currency in ("EUR", "USD", "ZAR")]
    issued = issue_invoices(actor=SYSTEM, rows=[DraftToIssue(invoice_id=pk) for pk in drafts])
    assert [getattr(one, "company_vat_total", type(one).__name__) for one in issued] == [300, "NoExchangeRate", None]
    assert not list(faults())


def test_a_recurring_invoice_waits_for_its_rate(company: Company) -> None:
    recurring = make_recurring(company, currency="EUR", on_run="issue", start_date=company.today())
    with pytest.raises(NoExchangeRate):
        run_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    run_company(company_id=company.pk, day=company.today())
    recurring.refresh_from_db()
    assert "exchange rate" in recurring.problem
    make_rate(company)
    run_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    assert Invoice.objects.get().company_vat_total == Decimal("307.50")


def test_what_is_frozen_stays(company: Company) -> None:
    invoice = issue_invoice(actor=SYSTEM, invoice_id=draft_in("EUR", company).pk, exchange_rate=Decimal(20))
    for name, value in (("exchange_rate", 21), ("company_vat_total", 1), ("exchange_rate_date", "2026-01-01")):
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            recording(actor=SYSTEM, action="test", company_id=company.pk) as change,
        ):
            Invoice.objects.filter(pk=invoice.pk).update(**{name: value}, version=invoice.version + 1, change=change)
    update_company(actor=SYSTEM, company_id=company.pk, currency="USD")
    assert frozen(invoice)[3:] == ("ZAR", Decimal(300))
    assert not list(company_vat_follows_from_rates())


def test_over_rest(company: Company) -> None:
    client = api_client(make_user("Finance", company=company))
    draft = draft_in("JPY", company, make_item("10000"))
    refused = client.post(f"/api/invoices/{draft.pk}/issue", {}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "no_exchange_rate")
    issued = client.post(f"/api/invoices/{draft.pk}/issue", {"exchangeRate": "0.1234567891"}, format="json")
    assert issued.status_code == 200, issued.json()
    shown = client.get(f"/api/invoices/{draft.pk}").json()
    assert shown["vatTotalInCompanyCurrency"] == {
        "currency": "ZAR",
        "amount": "185.19",
        "exchangeRate": "0.1234567891",
        "date": "2026-01-26",
        "source": "manual",
    }
    assert client.get(f"/api/invoices/{draft.pk}?version=1").json()["vatTotalInCompanyCurrency"] is None
    [issue, _] = client.get(f"/api/invoices/{draft.pk}/history").json()["results"][:2]
    assert issue["newValues"]["companyVatTotal"] == "185.19"
    assert issue["newValues"]["exchangeRate"] == "0.1234567891"


WORDS = {
    "en": ("VAT in ZAR", "s currency at the exchange rate of"),
    "de": ("USt. in ZAR", "zum Wechselkurs vom"),
    "fr": ("TVA en ZAR", "au taux de change du"),
    "af": ("BTW in ZAR", "teen die wisselkoers van"),
}


@pytest.mark.parametrize("language", WORDS)
def test_on_paper(company: Company, language: str) -> None:
    update_company(actor=SYSTEM, company_id=company.pk, language=language)
    draft = draft_in("EUR", Company.objects.get(pk=company.pk))
    invoice = issue_invoice(actor=SYSTEM, invoice_id=draft.pk, exchange_rate=Decimal("20.5"))
    page = page_of(invoice, seller_of(invoice))
    label, note = WORDS[language]
    assert label in [row["label"] for row in page["totals"]]
    assert any(note in one and "EUR" in one and "ZAR" in one for one in page["notes"])


def test_on_paper_without_vat_nothing_is_said_of_it(company: Company) -> None:
    draft = draft_in("EUR", company, make_item(vat_rate="0"))
    invoice = issue_invoice(actor=SYSTEM, invoice_id=draft.pk, exchange_rate=Decimal("20.5"))
    page = page_of(invoice, seller_of(invoice))
    assert not any("ZAR" in row["label"] for row in page["totals"])
    assert page["notes"] == []
