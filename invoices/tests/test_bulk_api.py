"""The promise: a bulk answers each row as the request for it alone would be answered, and one row spoils no other."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import add_role, api_client, make_user
from audit.actors import SYSTEM
from audit.models import Change
from core.api.parsers import BODY_LIMIT_BYTES
from core.models import IdempotencyKey
from invoices.bulk import MAXIMUM_ROWS
from invoices.models import Invoice
from invoices.services import update_draft
from invoices.tests.factories import make_draft, make_item
from parties.models import Company
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

URL = "/api/invoices/bulk"
ITEM = {"description": "Work", "qty": 1, "unitPrice": "100.00"}


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def client(company: Company) -> APIClient:
    """A Finance user of the company."""
    return api_client(make_user("Finance", company))


def bill(company: Company, **details: Any) -> dict[str, Any]:
    return {"customerId": make_customer(company).pk, "issueDate": "2026-03-02", "items": [ITEM], **details}


def create(client: APIClient, rows: Any, query: str = "", **details: Any) -> Any:
    headers = {"HTTP_IDEMPOTENCY_KEY": details.pop("key")} if "key" in details else {}
    return client.post(URL + query, {"action": "create", "invoices": rows, **details}, **headers)


def issue(client: APIClient, rows: Any, **details: Any) -> Any:
    return client.post(URL, {"action": "issue", "invoices": rows, **details})


def outcomes(reply: Any) -> list[tuple[int, str]]:
    """Of each row its status, with the code of its error or the invoice's own."""
    assert reply.status_code == 200, reply.content
    body = reply.json()
    assert [row["index"] for row in body["results"]] == list(range(len(body["results"])))
    assert body["succeeded"] == sum("invoice" in row for row in body["results"])
    assert body["succeeded"] + body["refused"] == len(body["results"])
    return [
        (row["status"], row["error"]["code"] if "error" in row else row["invoice"]["status"]) for row in body["results"]
    ]


def test_rows_are_made_and_issued_in_their_order(client: APIClient, company: Company) -> None:
    rows = [bill(company, externalId="A", issue=True), bill(company), bill(company, issue=True)]

    reply = create(client, rows)

    assert outcomes(reply) == [(201, "Issued"), (201, "Draft"), (201, "Issued")]
    first = Invoice.objects.get(external_id="A")
    assert reply.json()["results"][0]["invoice"] == {
        "id": first.pk,
        "invoiceNumber": "INV-2026-000001",
        "externalId": "A",
        "status": "Issued",
        "currency": "ZAR",
        "total": "115.00",
        "paid": "0.00",
        "outstanding": "115.00",
        "version": 2,
    }


def test_drafts_are_issued_and_a_stale_one_is_a_409_of_its_row(client: APIClient, company: Company) -> None:
    drafts = [make_draft(company) for _ in range(3)]
    update_draft(actor=SYSTEM, invoice_id=drafts[1].pk, items=[make_item("5")])

    reply = issue(client, [{"id": draft.pk, "version": 1} for draft in drafts])

    assert outcomes(reply) == [(200, "Issued"), (409, "stale_version"), (200, "Issued")]
    error = reply.json()["results"][1]["error"]
    assert (error["currentVersion"], error["status"]) == (2, 409)


def single(client: APIClient, row: Any) -> tuple[int, Any]:
    reply = client.post("/api/invoices", row)
    return reply.status_code, reply.json()


@pytest.mark.parametrize(
    "details",
    [
        {"items": [ITEM | {"qty": 0}]},
        {"items": [ITEM | {"qty": "many"}]},
        {"items": [ITEM, ITEM | {"unitPrise": 1}]},
        {"items": "none"},
        {"items": [None]},
        {"customerId": None},
        {"customerId": 10**30},
        {"customerId": "Acme"},
        {"companyId": 10**30},
        {"companyId": []},
        {"dueDate": "yesterday"},
        {"dueDate": "2020-01-01"},
        {"currency": "XXX"},
        {"metadata": {"a": None}},
        {"nonsense": 1},
        {"discountPercent": 5, "discountAmount": 5},
        {"externalId": "x" * 201},
        {"externalId": "\x00"},
    ],
    ids=str,
)
def test_a_row_that_is_wrong_is_told_what_the_request_for_it_alone_is_told(
    client: APIClient, company: Company, details: dict[str, Any]
) -> None:
    row = bill(company) | details
    status, problem = single(client, row)

    reply = create(client, [bill(company), row, bill(company)])

    assert outcomes(reply)[0] == outcomes(reply)[2] == (201, "Draft")
    result = reply.json()["results"][1]
    assert result["status"] == status >= 400
    assert result["error"] | {"requestId": ""} == problem | {"requestId": ""}
    assert Invoice.objects.count() == 2


@pytest.mark.parametrize("row", [None, [], 7, "row", [{}], {}, {"issue": "perhaps"}], ids=str)
@pytest.mark.parametrize("action", ["create", "issue"])
def test_what_is_no_row_is_the_error_of_its_place(client: APIClient, company: Company, action: str, row: Any) -> None:
    good = bill(company) if action == "create" else {"id": make_draft(company).pk}

    reply = client.post(URL, {"action": action, "invoices": [row, good, row]})

    assert [status for status, _ in outcomes(reply)] == [400, 201 if action == "create" else 200, 400]


@pytest.mark.parametrize("version", [0, -1, "x", None, 1.5, {}])
@pytest.mark.parametrize("name", ["version", "id"])
def test_an_id_or_a_version_that_is_none_is_the_error_of_its_row(
    client: APIClient, company: Company, name: str, version: Any
) -> None:
    row = {"id": make_draft(company).pk} | {name: version}

    [(status, _)] = outcomes(issue(client, [row]))

    assert status == (404 if name == "id" and version in (0, -1) else 400)
    assert not Invoice.objects.exclude(number=None).exists()


BODIES: list[Any] = [
    {},
    [],
    None,
    {"action": "create"},
    {"action": "create", "invoices": []},
    {"action": "create", "invoices": None},
    {"action": "create", "invoices": {}},
    {"action": "create", "invoices": "rows"},
    {"action": "create", "invoices": [{}], "companyId": "x"},
    {"action": "create", "invoices": [{}], "atomic": True},
    {"action": "delete", "invoices": [{}]},
    {"action": None, "invoices": [{}]},
    {"action": ["issue"], "invoices": [{}]},
    {"action": "issue", "invoices": []},
    {"action": "issue", "invoices": [{}], "companyId": 1},
    {"action": "issue", "invoices": [{"id": 1}] * (MAXIMUM_ROWS + 1)},
    {"action": "create", "invoices": [{}] * (MAXIMUM_ROWS + 1)},
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body)[:60])
def test_a_request_that_makes_no_sense_is_a_400_and_changes_nothing(client: APIClient, body: Any) -> None:
    entries = Change.objects.count()

    reply = client.post(URL, body)

    assert reply.status_code == 400, reply.content
    assert reply.json()["errors"] or reply.json()["code"] == "invalid"
    assert Change.objects.count() == entries


def test_a_thousand_rows_are_possible(client: APIClient, company: Company) -> None:
    reply = create(client, [bill(company, issue=True)] * MAXIMUM_ROWS)

    assert set(outcomes(reply)) == {(201, "Issued")}
    assert Invoice.objects.get(number=f"INV-2026-{MAXIMUM_ROWS:06d}").status == "Issued"


def test_a_body_that_is_too_large_is_a_413(client: APIClient) -> None:
    reply = create(client, [{"metadata": {"x": "y" * BODY_LIMIT_BYTES}}])

    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")


def test_a_dry_run_answers_as_the_real_one_and_writes_nothing(client: APIClient, company: Company) -> None:
    rows = [bill(company, issue=True), bill(company, items=[ITEM | {"qty": 0}])]
    entries = Change.objects.count()

    rehearsed = outcomes(create(client, rows, "?dryRun=true", key="k"))

    assert rehearsed == [(201, "Issued"), (400, "item_invalid")]
    assert (Invoice.objects.count(), Change.objects.count(), IdempotencyKey.objects.count()) == (0, entries, 0)
    assert outcomes(create(client, rows)) == rehearsed


def test_a_repeat_with_its_key_gets_the_first_reply_and_makes_nothing(client: APIClient, company: Company) -> None:
    rows = [bill(company, issue=True), {}]

    first, again = create(client, rows, key="k"), create(client, rows, key="k")

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Invoice.objects.count() == 1
    other = create(client, rows[:1], key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_of_a_bulk_is_not_a_key_of_another_user(client: APIClient, company: Company) -> None:
    rows = [bill(company)]
    create(client, rows, key="k")

    outcomes(create(api_client(make_user("Finance", company)), rows, key="k"))

    assert Invoice.objects.count() == 2


def test_the_company_is_named_once_or_by_each_row(company: Company) -> None:
    other = make_company()
    member = api_client(add_role(make_user("Finance", company), other, "Finance"))
    rows = [bill(company), bill(other, companyId=other.pk), bill(other)]

    unnamed = create(member, rows)
    named = create(member, rows, companyId=company.pk)

    assert outcomes(unnamed) == [(400, "company_required"), (201, "Draft"), (400, "company_required")]
    assert outcomes(named) == [(201, "Draft"), (201, "Draft"), (400, "customer_unknown")]


def test_the_role_counts_in_the_company_of_each_row(company: Company) -> None:
    other, stranger = make_company(), make_company()
    member = api_client(add_role(make_user("Finance", company), other, "Viewer"))
    rows = [bill(c, companyId=c.pk) for c in (company, other, stranger)]
    drafts = [{"id": make_draft(c).pk} for c in (company, other, stranger)]

    assert outcomes(create(member, rows)) == [(201, "Draft"), (403, "permission_denied"), (404, "not_found")]
    assert outcomes(issue(member, drafts)) == [(200, "Issued"), (403, "permission_denied"), (404, "not_found")]
    assert Invoice.objects.filter(company=other).count() == 1


def test_who_may_nowhere_is_refused_as_a_whole(company: Company) -> None:
    for role in ("Viewer", "Auditor"):
        reply = create(api_client(make_user(role, company)), [bill(company)])
        assert (reply.status_code, reply.json()["code"]) == (403, "permission_denied")
    assert not Invoice.objects.exists()


def test_the_history_of_a_row_says_who_made_it_in_which_request(client: APIClient, company: Company) -> None:
    reply = create(client, [bill(company, issue=True)] * 2)

    for row in reply.json()["results"]:
        timeline = client.get(f"/api/invoices/{row['invoice']['id']}/history").json()["results"]
        assert sorted(entry["action"] for entry in timeline) == ["Created", "Created", "Updated"]  # it, its line, it
    entries = Change.objects.filter(action__startswith="invoice.")
    assert {entry.request_id for entry in entries} == {reply["X-Request-ID"]}
    assert len(entries) == 4
