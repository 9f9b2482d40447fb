"""Invoices and customers are found by what people and programs know of them."""

import pytest

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_company()


@pytest.fixture
def client(company):
    return api_client(make_user("Finance", company))


def found(client, **query):
    reply = client.get("/api/invoices", query)
    assert reply.status_code == 200, reply.content
    return [row["id"] for row in reply.json()["results"]]


def test_an_invoice_is_found_by_number_customer_and_reference_whatever_the_case(client, company):
    umlaut = make_draft(company, customer=make_customer(company, name="Müller & Söhne"))
    issued = make_issued(company, customer=make_customer(company, name="Acme"))
    apply_payment(actor=SYSTEM, invoice_id=issued.pk, amount="1", reference="EFT 4711")

    assert found(client, search="MÜLLER") == found(client, search="söhne") == [umlaut.pk]
    assert found(client, search=issued.number.lower()) == found(client, search="eft 47") == [issued.pk]
    assert found(client, search="00001") == found(client, search="ACME") == [issued.pk]
    assert found(client, search="nothing like it") == found(client, search="100%") == []


def test_a_draft_is_found_and_ordered_by_its_customers_present_name_and_an_issued_invoice_by_that_on_it(
    client, company
):
    beta, alpha = make_customer(company, name="Beta"), make_customer(company, name="Alpha")
    issued, other = make_issued(company, customer=alpha), make_draft(company, customer=beta)
    draft, cancelled = make_draft(company, customer=alpha), make_draft(company, customer=alpha)
    cancel_invoice(actor=SYSTEM, invoice_id=cancelled.pk)
    update_customer(actor=SYSTEM, customer_id=alpha.pk, name="Zeta")

    rows = client.get("/api/invoices?ordering=customerName").json()["results"]

    assert [row["customerName"] for row in rows] == ["Alpha", "Beta", "Zeta", "Zeta"]
    assert found(client, ordering="customerName") == [issued.pk, other.pk, draft.pk, cancelled.pk]
    assert found(client, search="zeta", ordering="createdAt") == [draft.pk, cancelled.pk]
    assert found(client, search="ALPHA") == [issued.pk]
    pages, url = [], "/api/invoices?ordering=-customerName&pageSize=1"
    while url:
        page = client.get(url).json()
        pages += [row["id"] for row in page["results"]]
        url = page["next"]
    assert pages == [cancelled.pk, draft.pk, other.pk, issued.pk]


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("ü", ["Müller"]),
        ("üL", ["Müller"]),
        ("MÜL", ["Müller"]),
        ("ﬁ", ["Fifty_1%"]),
        ("straß", ["Hauptstrasse"]),
        ("%", ["Fifty_1%"]),
        ("_", ["Fifty_1%"]),
        ("\\", ["Back\\slash"]),
        ("1%x", []),
        (" müller ", ["Müller"]),
    ],
)
def test_any_part_of_a_word_is_found_and_no_sign_stands_for_others(client, company, part, names):
    for name in ("Müller", "Fifty_1%", "Back\\slash", "Hauptstrasse"):
        make_draft(company, customer=make_customer(company, name=name))

    for kind, key in (("invoices", "customerName"), ("customers", "name")):
        rows = client.get(f"/api/{kind}", {"search": part}).json()["results"]
        assert [row[key] for row in rows] == names


def test_a_number_is_found_as_a_whole_though_another_shares_its_last_part(client, company):
    issued = make_issued(company, customer=make_customer(company, name="Acme 47112"))
    apply_payment(actor=SYSTEM, invoice_id=issued.pk, amount="1", reference="A1B2-47113")

    for part in (issued.number, issued.number[4:], "2-47113", "acme 47112", "a1b2"):
        assert found(client, search=part) == [issued.pk]
    for part in (f"inv-1999-{issued.number[-6:]}", "b2-47112", "acme  47112", "47112 acme"):
        assert found(client, search=part) == []


def test_what_is_written_between_the_parts_is_found_nowhere(client, company):
    issued = make_issued(company, customer=make_customer(company, name="Acme"))

    assert found(client, search=f"{issued.number[-2:]}acme") == []


def test_lists_are_ordered_by_number_with_drafts_first(client, company):
    first, second, draft = make_issued(company), make_issued(company), make_draft(company)

    assert found(client, ordering="number") == [draft.pk, first.pk, second.pk]
    pages, url = [], "/api/invoices?ordering=-number&pageSize=1"
    while url:
        page = client.get(url).json()
        pages += [row["id"] for row in page["results"]]
        url = page["next"]
    assert pages == [second.pk, first.pk, draft.pk]


def test_another_program_finds_its_own_ids_again(client, company):
    customer = make_customer(company)
    body = {"customerId": customer.pk, "externalId": "crm-7", "metadata": {"order": "4711"}}
    made = client.post("/api/invoices", body).json()

    taken = client.post("/api/invoices", body)
    changed = client.patch(f"/api/invoices/{made['id']}", {"version": 1, "metadata": {"order": "1", "b": ""}}).json()

    assert (made["externalId"], made["metadata"]) == ("crm-7", {"order": "4711"})
    assert (taken.status_code, taken.json()["code"]) == (400, "external_id_taken")
    assert (changed["externalId"], changed["metadata"]) == ("crm-7", {"order": "1", "b": ""})
    assert found(client, externalId="crm-7") == [made["id"]]
    assert found(client, externalId="crm-8") == []
    elsewhere = make_company()
    other = api_client(make_user("Finance", elsewhere))
    assert other.post("/api/invoices", body | {"customerId": make_customer(elsewhere).pk}).status_code == 201


def test_customers_have_external_ids_and_metadata_too(client):
    made = client.post("/api/customers", {"name": "Å", "externalId": " x ", "metadata": {"k": "v"}})
    again = client.post("/api/customers", {"name": "B", "externalId": "x"})
    url = f"/api/customers/{made.json()['id']}"

    cleared = client.patch(url, {"version": 1, "externalId": ""})

    assert (made.json()["externalId"], made.json()["metadata"]) == ("x", {"k": "v"})
    assert again.json()["code"] == "external_id_taken"
    assert cleared.json()["externalId"] is None
    assert [row["name"] for row in client.get("/api/customers?search=å").json()["results"]] == ["Å"]


@pytest.mark.parametrize(
    "metadata",
    [
        *({"a": 1}, {"a": None}, {"a": {"b": "c"}}, {"": "x"}, {"x" * 41: "y"}, {"a": "x" * 501}),
        *({f"k{number}": "v" for number in range(51)}, [], "x", {"a": "\u0000"}),
    ],
)
def test_metadata_are_a_few_short_pairs_of_strings(client, company, metadata):
    reply = client.post("/api/invoices", {"customerId": make_customer(company).pk, "metadata": metadata})

    assert reply.status_code == 400
    assert reply.json()["errors"][0]["field"].startswith("metadata")


def test_other_orders_and_filters_work_together(client, company):
    cheap, dear = make_issued(company, make_item("1")), make_issued(company, make_item("2"))

    assert found(client, status="Issued", ordering="-outstanding", totalMin="1") == [dear.pk, cheap.pk]
