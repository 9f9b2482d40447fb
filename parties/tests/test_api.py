"""What the REST API promises about companies and customers."""

import pytest

from accounts.tests.factories import api_client, make_user
from invoices.tests.factories import make_draft
from parties.models import Customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_company(name="Demo Trading")


@pytest.fixture
def client(company):
    return api_client(make_user("Finance", company))


def test_a_customer_is_made_read_changed_and_archived(client, company):
    made = client.post(
        "/api/customers", {"name": "  Müller & Söhne ", "email": "post@mueller.test", "countryCode": "de"}
    )
    url = f"/api/customers/{made.json()['id']}"

    changed = client.patch(url, {"version": 1, "phone": "+49 30 1", "archived": True})

    assert made.status_code == 201
    assert made["ETag"] == '"1"'
    assert (made.json()["name"], made.json()["countryCode"]) == ("Müller & Söhne", "DE")
    assert changed.json() | {"createdAt": ""} == client.get(url).json() | {"createdAt": ""}
    assert (changed.json()["phone"], changed.json()["archived"], changed.json()["version"]) == ("+49 30 1", True, 2)
    assert Customer.objects.get().company == company


def test_a_stale_change_says_what_differs(client, company):
    customer = make_customer(company, name="Old")
    url = f"/api/customers/{customer.pk}"
    client.patch(url, {"version": 1, "name": "New"})

    reply = client.patch(url, {"version": 1, "name": "Other"})

    assert reply.status_code == 409
    assert reply.json()["changes"] == {"name": ["Old", "New"]}


def test_a_change_without_a_version_is_a_428(client, company):
    assert client.patch(f"/api/customers/{make_customer(company).pk}", {"name": "x"}).status_code == 428


def test_a_customer_with_documents_is_not_deleted(client, company):
    unused, used = make_customer(company), make_customer(company)
    make_draft(company, customer=used)

    assert client.delete(f"/api/customers/{unused.pk}").status_code == 204
    refused = client.delete(f"/api/customers/{used.pk}")

    assert (refused.status_code, refused.json()["code"]) == (400, "customer_in_use")
    assert list(Customer.objects.all()) == [used]


def test_an_archived_customer_gets_no_new_invoices(client, company):
    customer = make_customer(company, archived=True)

    reply = client.post("/api/invoices", {"customerId": customer.pk})

    assert (reply.status_code, reply.json()["code"]) == (400, "customer_archived")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x", "email": "nobody"}, "email"),
        ({"name": "x", "countryCode": "D1"}, "countryCode"),
        ({"name": "x", "id": 7}, "id"),
        ({"name": "x", "version": 7}, "version"),
        ({"name": "x", "isAdmin": True}, "isAdmin"),
    ],
)
def test_bad_customers_are_refused_and_the_field_is_named(client, body, field):
    reply = client.post("/api/customers", body)

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, field)
    assert not Customer.objects.exists()


def test_half_a_surrogate_pair_is_no_text(client):
    reply = client.post("/api/customers", b'{"name": "a\\ud800"}', content_type="application/json")

    assert (reply.status_code, reply.json()["code"]) == (400, "parse_error")
    assert "surrogate" in reply.json()["detail"]


def test_customers_are_searched_and_filtered(client, company):
    for name in ("Acme Ltd", "Zebra", "acme two"):
        make_customer(company, name=name)
    make_customer(company, name="Gone", archived=True)

    def names(query):
        return [row["name"] for row in client.get(f"/api/customers?{query}").json()["results"]]

    assert names("search=ACME&ordering=name") == ["Acme Ltd", "acme two"]
    assert names("archived=true") == ["Gone"]
    assert names("search=nothing") == []


def test_companies_are_those_i_belong_to(client, company):
    foreign = make_company()

    assert [row["name"] for row in client.get("/api/companies").json()["results"]] == ["Demo Trading"]
    assert client.get(f"/api/companies/{company.pk}").json()["defaultVatRate"] == "0.15"
    assert client.get(f"/api/companies/{foreign.pk}").status_code == 404
    assert client.get(f"/api/customers/{make_customer(foreign).pk}").status_code == 404
    assert client.post("/api/customers", {"name": "x", "companyId": foreign.pk}).status_code == 404
