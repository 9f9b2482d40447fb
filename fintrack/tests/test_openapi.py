"""The OpenAPI document is a product: valid, reviewed, and true."""

import json
import re
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from accounts.tests.factories import api_client, make_user
from audit.selectors import shown_names
from invoices.models import Invoice
from invoices.tests.factories import make_issued, make_item
from parties.models import Company, Customer
from parties.tests.factories import make_company
from payments.services import apply_payment

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"


def test_the_document_is_the_reviewed_one(tmp_path):
    written = tmp_path / "openapi.yaml"

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(written))

    assert written.read_text() == DOCUMENT.read_text(), "if that is meant, run: make openapi"


def test_documentation_and_schema_are_served_offline_and_without_sign_in():
    client = Client()

    page = client.get("/api/docs")
    schema = client.get("/api/schema", headers={"Accept": "application/json"})

    assert page.status_code == schema.status_code == 200
    assert b"https://" not in page.content.replace(b"https://www.w3.org", b"")
    assert b"swagger-ui-bundle.js" in page.content
    assert json.loads(schema.content)["components"]["securitySchemes"]["jwtAuth"]["scheme"] == "bearer"
    assert client.get("/swagger").headers["Location"] == "/api/docs"


def test_operations_are_named_by_their_verbs():
    document = yaml.safe_load(DOCUMENT.read_text())

    operations = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}

    assert {"signIn", "createInvoice", "issueInvoice", "applyPayment", "listInvoices"} <= operations


def test_every_error_is_declared_and_is_a_problem():
    document = yaml.safe_load(DOCUMENT.read_text())
    shared = document["components"]["responses"]

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            errors = {status: reply for status, reply in operation["responses"].items() if status >= "400"}
            assert {"400", "500"} <= set(errors)
            assert "security" not in operation or {} in operation["security"] or {"401", "403"} <= set(errors)
            assert "requestBody" not in operation or {"413", "415"} <= set(errors)
            assert method == "get" or "{" not in path or "/auth/" in path or {"404", "409", "412", "503"} <= set(errors)
            for reply in errors.values():
                content = shared[reply["$ref"].rpartition("/")[2]]["content"]
                assert list(content) == ["application/problem+json"]
                assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_enumerations_have_the_names_that_people_use():
    schemas = yaml.safe_load(DOCUMENT.read_text())["components"]["schemas"]

    names = {name for name, schema in schemas.items() if "enum" in schema}

    assert names == {
        "BulkCreateAction",
        "BulkIssueAction",
        "CreditEntryKind",
        "EntryKind",
        "InvoiceStatus",
        "MessageKind",
        "MessageState",
        "Language",
        "AgingBucket",
        "MovementKind",
        "Paper",
        "PaymentMethod",
        "QuickStatus",
        "RateSource",
        "RecordedAction",
        "RecurringAction",
        "RecurringInterval",
        "RecurringStatus",
        "Remainder",
        "ReportFormat",
        "Role",
        "SessionKind",
        "VatCategory",
        "VatRounding",
    }


def test_every_reference_leads_somewhere():
    text = DOCUMENT.read_text()
    components = yaml.safe_load(text)["components"]

    references = set(re.findall(r"#/components/(\w+)/(\w+)", text))

    assert len(references) > 80
    assert [(kind, name) for kind, name in references if name not in components[kind]] == []


def test_replies_say_that_their_fields_are_always_there():
    schemas = yaml.safe_load(DOCUMENT.read_text())["components"]["schemas"]

    optional = {
        (name, field)
        for name, schema in schemas.items()
        if not name.endswith("Request") and name not in ("Problem",)
        for field in set(schema.get("properties", {})) - set(schema.get("required", []))
    }

    in_figures = {
        (name, "companyId") for name in ("Aging", "CompanyTotal", "Dashboard", "Outstanding", "Revenue", "Vat")
    }
    in_a_row = {("BulkResult", "invoice"), ("BulkResult", "error")}
    assert optional == in_figures | in_a_row | {("NewInvoice", "amount")}


@pytest.mark.parametrize("model", [Company, Customer, Invoice, User])
def test_a_conflict_names_nothing_that_the_document_does_not_show(model):
    shown = yaml.safe_load(DOCUMENT.read_text())["components"]["schemas"][model.__name__]["properties"]

    assert set(shown_names(model)) - set(shown) == set()


@pytest.mark.django_db
def test_replies_have_exactly_the_fields_that_the_document_declares():
    document = yaml.safe_load(DOCUMENT.read_text())["components"]["schemas"]
    company = make_company()
    user = make_user("Finance", company)
    invoice = make_issued(company, make_item("100"))
    apply_payment(actor=user, invoice_id=invoice.pk, amount="10")

    body = api_client(user).get(f"/api/invoices/{invoice.pk}").json()
    row = api_client(user).get("/api/invoices").json()["results"][0]

    assert set(body) == set(document["Invoice"]["properties"])
    assert set(row) == set(document["InvoiceRow"]["properties"])
    assert set(body["items"][0]) == set(document["Line"]["properties"])
    assert set(body["payments"][0]) == set(document["ActionableEntry"]["properties"])
    assert set(body["customer"]) == set(document["Buyer"]["properties"])
    assert set(body["seller"]) == set(document["Seller"]["properties"])
