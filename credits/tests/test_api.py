"""Credit notes over REST."""

import pytest

from accounts.roles import Role
from accounts.tests.factories import api_client, make_user
from invoices.tests.factories import make_issued, make_item
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
