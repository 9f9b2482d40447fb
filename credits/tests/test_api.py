"""Credit notes over REST, and where else they show."""

from datetime import date, timedelta

import pytest

from accounts.roles import Role
from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from credits.tests.factories import make_credit_note
from invoices.tests.factories import make_issued, make_item
from parties.services import move_period_lock
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db


def test_a_note_is_issued_and_read() -> None:
    company = make_company()
    invoice = make_issued(company, make_item("100", "3"))
    client = api_client(make_user(Role.FINANCE, company))
    line = invoice.lines.get()
    body = {"reason": "One came back", "items": [{"itemId": line.pk, "qty": "1"}]}

    reply = client.post(f"/api/invoices/{invoice.pk}/credit-notes", body, format="json")

    note = reply.json()
    assert (reply.status_code, note["invoiceId"], note["total"]) == (201, invoice.pk, "115.00")
    assert note["number"].startswith("CN-")
    assert note["invoice"]["outstanding"] == "230.00"
    assert client.get(reply["Location"]).json() == {name: note[name] for name in note if name != "invoice"}
    [row] = client.get(f"/api/invoices/{invoice.pk}/credit-notes").json()["results"]
    assert row["id"] == note["id"]


def test_what_can_be_done_follows_the_notes() -> None:
    company = make_company()
    invoice = make_issued(company)
    finance, viewer = api_client(make_user(Role.FINANCE, company)), api_client(make_user(Role.VIEWER, company))
    url = f"/api/invoices/{invoice.pk}"

    assert "creditNote" in finance.get(url).json()["allowedActions"]
    assert viewer.get(url).json()["blockedActions"]["creditNote"] == "permission_denied"
    finance.post(f"{url}/credit-notes", {"reason": "All of it", "whole": True}, format="json")

    after = finance.get(url).json()
    assert after["blockedActions"]["creditNote"] == "nothing_to_credit"
    [entry] = after["payments"]
    assert (after["status"], entry["kind"], entry["method"], entry["allowedActions"]) == ("Paid", "CreditNote", "", [])
    assert finance.get(f"/api/payments/{entry['id']}/pdf").status_code == 404
    refused = finance.post(f"{url}/credit-notes", {"reason": "Again", "whole": True}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "nothing_to_credit")


def test_a_locked_period_and_an_invoice_over_nothing_are_said_beforehand() -> None:
    company = make_company()
    client = api_client(make_user(Role.FINANCE, company))
    nothing, locked = make_issued(company, make_item("0")), make_issued(company)
    assert client.get(f"/api/invoices/{nothing.pk}").json()["blockedActions"]["creditNote"] == "nothing_to_credit"

    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=company.today(), reason="Year end")

    assert client.get(f"/api/invoices/{locked.pk}").json()["blockedActions"]["creditNote"] == "period_locked"


def test_notes_are_filtered() -> None:
    company = make_company()
    first, second = (make_credit_note(make_issued(company)) for _ in range(2))
    client = api_client(make_user(Role.VIEWER, company))

    def ids(query: str) -> list[int]:
        return [row["id"] for row in client.get(f"/api/credit-notes?{query}").json()["results"]]

    today = company.today()
    assert ids("") == [second.pk, first.pk]
    assert ids(f"invoiceId={first.invoice_id}") == ids(f"number={first.number}") == [first.pk]
    assert ids(f"customerId={second.customer_id}") == [second.pk]
    assert ids(f"issueDateFrom={today}&issueDateTo={today}") == [second.pk, first.pk]
    assert ids(f"issueDateFrom={today + timedelta(days=1)}") == ids("currency=EUR") == []


def test_the_note_stands_in_the_history_the_events_the_statement_and_the_register() -> None:
    company = make_company()
    invoice = make_issued(company)
    note = make_credit_note(invoice)
    client = api_client(make_user(Role.ADMIN, company))

    kinds = {row["entityType"] for row in client.get(f"/api/invoices/{invoice.pk}/history").json()["results"]}
    events = client.get(f"/api/events?companyId={company.pk}").json()["results"]
    statement = client.get(f"/api/customers/{invoice.customer_id}/statement").json()
    register = client.get(f"/api/reports/numbers?kind=CN&year={note.issue_date.year}").json()

    assert {"CreditNote", "CreditNoteItem", "Payment", "Invoice"} <= kinds
    event = next(event for event in events if event["action"] == "credit_note.issued")
    assert (event["entityType"], event["entityId"], event["data"]["number"]) == ("CreditNote", note.pk, note.number)
    assert [(row["kind"], row["amount"], row["reference"]) for row in statement["movements"]] == [
        ("invoice", "115.00", ""),
        ("creditNote", "-115.00", note.number),
    ]
    assert statement["closingBalance"] == "0.00"
    assert client.get(f"/api/customers/{invoice.customer_id}/statement?format=pdf").content.startswith(b"%PDF")
    [row] = register["results"]
    assert (register["series"], row["number"], row["invoiceId"]) == (note.number[:7], note.number, invoice.pk)
    assert register["isComplete"]


def test_reports_are_less_by_the_note_on_its_own_day() -> None:
    company = make_company()
    day = company.today() - timedelta(days=70)
    invoice = make_issued(company, make_item("100", "2"), issue_date=day, due_date=day)
    make_credit_note(invoice, "1")
    client, today = api_client(make_user(Role.VIEWER, company)), company.today()

    def vat(first: date, last: date) -> list[tuple[str, str]]:
        reports = client.get(f"/api/reports/vat?from={first}&to={last}").json()["results"]
        return [(rate["taxableAmount"], rate["vatAmount"]) for report in reports for rate in report["rates"]]

    assert vat(day, day) == [("200.00", "30.00")]
    assert vat(today, today) == [("-100.00", "-15.00")]
    assert vat(day, today) == [("100.00", "15.00")]
    [dashboard] = client.get("/api/reports/dashboard").json()["results"]
    assert dashboard["thisMonth"]["invoiced"] == "-115.00"
    owed = client.get(f"/api/reports/outstanding?asOf={day}").json()["results"]
    assert [report["outstanding"] for report in owed] == ["230.00"]
