"""What the REST API promises about invoices."""

from datetime import date, timedelta

import pytest

from accounts.tests.factories import add_role, api_client, make_user
from invoices.models import Invoice, InvoiceLine
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Customer
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_company()


@pytest.fixture
def finance(company):
    return make_user("Finance", company)


@pytest.fixture
def client(finance):
    return api_client(finance)


def draft_body(customer, **changes):
    return {
        "customerId": customer.pk,
        "issueDate": "2026-03-01",
        "dueDate": "2026-03-31",
        "items": [
            {"description": "Consulting", "qty": 1, "unitPrice": "100", "vatRate": 0.15},
            {"description": "Books", "qty": "2", "unitPrice": 50.00, "vatRate": "0.10"},
        ],
        **changes,
    }


def test_a_draft_is_made_with_its_totals_worked_out(client, company):
    customer = make_customer(company, name="Acme")

    reply = client.post("/api/invoices", draft_body(customer))

    assert reply.status_code == 201
    body = reply.json()
    assert (body["subtotal"], body["vatTotal"], body["total"]) == ("200.00", "25.00", "225.00")
    assert (body["paid"], body["outstanding"], body["status"], body["invoiceNumber"]) == (
        "0.00",
        "225.00",
        "Draft",
        None,
    )
    assert body["vatBreakdown"] == [
        {"vatCategory": "S", "vatRate": "0.1", "taxableAmount": "100.00", "vatAmount": "10.00"},
        {"vatCategory": "S", "vatRate": "0.15", "taxableAmount": "100.00", "vatAmount": "15.00"},
    ]
    assert [(item["qty"], item["lineTotal"], item["vatAmount"]) for item in body["items"]] == [
        ("1", "100.00", "15.00"),
        ("2", "100.00", "10.00"),
    ]
    assert body["customer"]["name"] == body["customerName"] == "Acme"
    assert body["payments"] == []
    assert reply["ETag"] == '"1"'
    assert reply["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], ("0.00", "0.00", "0.00")),
        ([(2, "10", "0"), (1, "5", "0")], ("25.00", "0.00", "25.00")),
        ([(2, "100", "0.15")], ("200.00", "30.00", "230.00")),
        ([(1, "100", "0.15"), (2, "50", "0.1")], ("200.00", "25.00", "225.00")),
    ],
)
def test_the_known_answers_of_the_contract(client, company, items, expected):
    rows = [{"description": "x", "qty": qty, "unitPrice": price, "vatRate": rate} for qty, price, rate in items]

    body = client.post("/api/invoices", draft_body(make_customer(company), items=rows)).json()

    assert (body["subtotal"], body["vatTotal"], body["total"]) == expected


@pytest.mark.parametrize(
    ("currency", "price", "total"), [("JPY", "1050", "1208"), ("KWD", "1.005", "1.156"), ("EUR", "0.10", "0.12")]
)
def test_amounts_have_the_decimals_of_their_currency(client, company, currency, price, total):
    items = [{"description": "x", "qty": 1, "unitPrice": price}]

    body = client.post("/api/invoices", draft_body(make_customer(company), items=items, currency=currency)).json()

    assert body["total"] == total
    assert body["currency"] == currency


def test_the_quick_form_makes_customer_and_line(client, company):
    reply = client.post(
        "/api/invoices",
        {"customerName": "ABC Company", "amount": 2500.00, "dueDate": "2026-03-30", "status": "Pending"},
    )

    assert reply.status_code == 201
    body = reply.json()
    assert {name: body[name] for name in ("customerName", "amount", "total", "status")} == {
        "customerName": "ABC Company",
        "amount": "2500.00",
        "total": "2500.00",
        "status": "Draft",
    }
    assert body["id"] == Invoice.objects.get().pk
    assert body["createdAt"].endswith("Z")
    assert Customer.objects.get().company == company


@pytest.mark.parametrize("amount", ["0.01", "0.04", "0.08", "99.99", "100000000", 1150])
def test_the_quick_form_reaches_every_amount_to_the_cent(client, amount):
    body = client.post("/api/invoices", {"customerName": "A", "amount": amount, "dueDate": "2026-03-30"}).json()

    assert body["total"] == f"{float(amount):.2f}"


def test_the_quick_form_finds_the_customer_again_and_refuses_to_choose_between_two(client, company):
    first = make_customer(company, name="Acme")

    body = client.post("/api/invoices", {"customerName": "ACME", "amount": 10, "dueDate": "2026-03-30"}).json()
    assert body["customerId"] == first.pk

    make_customer(company, name="acme")
    reply = client.post("/api/invoices", {"customerName": "Acme", "amount": 10, "dueDate": "2026-03-30"})
    assert (reply.status_code, reply.json()["code"]) == (400, "customer_ambiguous")


@pytest.mark.parametrize("name", ["MÜLLER", " müller\n", "Mu\u0308ller", "\uff2d\u00fcller"])
def test_the_quick_form_knows_a_customer_whatever_the_case_and_the_spelling(client, company, name):
    customer = make_customer(company, name="Müller")
    make_customer(company, name="Müller & Co")

    body = client.post("/api/invoices", {"customerName": name, "amount": 10, "dueDate": "2026-03-30"}).json()

    assert (body["customerId"], body["customerName"]) == (customer.pk, "Müller")


def test_the_quick_form_takes_another_rate_and_dates_the_invoice_today_or_when_it_is_due(client, company):
    tomorrow = company.today() + timedelta(days=1)
    body = {"customerName": "A", "amount": "110", "dueDate": tomorrow.isoformat()}

    later = client.post("/api/invoices", body | {"vatRate": "0.1", "status": "Draft"}).json()
    earlier = client.post("/api/invoices", body | {"dueDate": "2026-03-30"}).json()
    untaxed = make_company(vat_number="")
    without = api_client(make_user("Finance", untaxed)).post("/api/invoices", body).json()

    assert (later["subtotal"], later["vatTotal"], later["issueDate"]) == ("100.00", "10.00", str(company.today()))
    assert (earlier["issueDate"], earlier["dueDate"]) == ("2026-03-30", "2026-03-30")
    assert (earlier["subtotal"], earlier["vatTotal"]) == ("95.65", "14.35")
    assert (without["subtotal"], without["vatBreakdown"][0]["vatCategory"]) == ("110.00", "O")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "Paid"}, "status"),
        ({"status": "Issued"}, "status"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1.001"}, "amount"),
        ({"dueDate": None}, "dueDate"),
        ({"customerName": " "}, "customerName"),
        ({"customerName": "x" * 201}, "customerName"),
        ({"items": []}, "items"),
    ],
)
def test_a_quick_form_that_is_not_clear_is_refused_and_makes_nobody(client, changes, field):
    reply = client.post("/api/invoices", {"customerName": "A", "amount": 10, "dueDate": "2026-03-30"} | changes)

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, field)
    assert not Customer.objects.exists()


def test_texts_are_trimmed_and_keep_line_breaks_and_tabs(client, company):
    item = {"description": " one\r\ntwo\tthree ", "qty": 1, "unitPrice": 1}
    longest = item | {"description": "x" * 1000}

    reply = client.post("/api/invoices", draft_body(make_customer(company), items=[item, longest]))

    assert [line["description"] for line in reply.json()["items"]] == ["one\ntwo\tthree", "x" * 1000]


def test_a_draft_without_dates_is_issued_today_and_due_after_the_payment_days(client, company):
    body = client.post("/api/invoices", {"customerId": make_customer(company).pk}).json()

    assert body["issueDate"] == company.today().isoformat()
    assert body["dueDate"] == (company.today() + timedelta(days=30)).isoformat()


def test_issuing_gives_the_number_and_freezes_the_parties(client, company):
    customer = make_customer(company, name="Acme")
    invoice = make_draft(company, customer=customer, issue_date=date(2026, 3, 1))

    reply = client.post(f"/api/invoices/{invoice.pk}/issue", {"version": 1})

    assert reply.status_code == 200
    body = reply.json()
    assert (body["invoiceNumber"], body["status"], body["version"]) == ("INV-2026-000001", "Issued", 2)
    assert (body["total"], body["paid"], body["outstanding"]) == ("115.00", "0.00", "115.00")
    update_customer(actor=make_user("Admin", company), customer_id=customer.pk, name="New name")
    document = client.get(f"/api/invoices/{invoice.pk}").json()
    assert document["customer"]["name"] == document["customerName"] == "Acme"
    assert document["seller"]["name"] == company.name


def test_the_second_issue_is_refused(client, company):
    invoice = make_issued(company)

    reply = client.post(f"/api/invoices/{invoice.pk}/issue")

    assert (reply.status_code, reply.json()["code"]) == (400, "wrong_status")
    assert Invoice.objects.get().version == 2


def test_an_invoice_about_nothing_is_not_issued(client, company):
    body = client.post("/api/invoices", {"customerId": make_customer(company).pk, "items": []}).json()

    reply = client.post(f"/api/invoices/{body['id']}/issue")

    assert (reply.status_code, reply.json()["code"]) == (400, "invoice_without_lines")


def test_a_zero_total_is_paid_when_issued(client, company):
    invoice = make_draft(company, make_item("0"))

    assert client.post(f"/api/invoices/{invoice.pk}/issue").json()["status"] == "Paid"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"items": [{"description": "x", "qty": 0, "unitPrice": 1}]}, "items.0.qty", "item_invalid"),
        ({"items": [{"description": "x", "qty": -1, "unitPrice": 1}]}, "items.0.qty", "item_invalid"),
        ({"items": [{"description": "x", "qty": 1, "unitPrice": -1}]}, "items.0.unitPrice", "item_invalid"),
        ({"items": [{"description": "x", "qty": 1, "unitPrice": 1, "vatRate": 15}]}, "items.0.vatRate", "item_invalid"),
        ({"items": [{"description": "x", "qty": 1, "unitPrice": "1e3"}]}, "items.0.unitPrice", "amount_invalid"),
        ({"items": [{"description": "x", "qty": 1, "unitPrice": "1_000"}]}, "items.0.unitPrice", "amount_invalid"),
        ({"items": [{"description": "x", "qty": 1, "unitPrice": "١٢"}]}, "items.0.unitPrice", "amount_invalid"),
        ({"items": [{"description": "x", "qty": 1, "unitPrice": True}]}, "items.0.unitPrice", "amount_invalid"),
        (
            {"items": [{"description": "x", "qty": 1, "unitPrice": "0.1234567"}]},
            "items.0.unitPrice",
            "amount_too_precise",
        ),
        ({"items": [{"description": "x", "qty": 1, "unitPrice": 10**9}]}, "items.0.unitPrice", "amount_too_large"),
        ({"items": [{"description": "  ", "qty": 1, "unitPrice": 1}]}, "items.0.description", "blank"),
        ({"items": [{"description": "a\u0007", "qty": 1, "unitPrice": 1}]}, "items.0.description", "text_invalid"),
        ({"items": [{"description": "x" * 1001, "qty": 1, "unitPrice": 1}]}, "items.0.description", "text_invalid"),
        ({"items": [{"description": "x", "qty": 1, "unitPrice": 1, "price": 2}]}, "items.0.price", "unknown_field"),
        ({"items": [{"description": "x", "qty": 10**6, "unitPrice": 10**5}]}, "items", "amount_too_large"),
        ({"dueDate": "2026-02-28"}, "dueDate", "due_before_issue"),
        ({"dueDate": "2026-02-30"}, "dueDate", "invalid"),
        ({"issueDate": "1026-02-20"}, "issueDate", "date_invalid"),
        ({"currency": "XXX"}, "currency", "unknown_currency"),
        ({"customerId": 999999}, "customerId", "customer_unknown"),
        ({"customerId": None}, "customerId", "null"),
        ({"total": "1.00"}, "total", "unknown_field"),
    ],
)
def test_bad_input_names_the_field_and_changes_nothing(client, company, changes, field, code):
    reply = client.post("/api/invoices", draft_body(make_customer(company), **changes))

    problem = reply.json()
    assert reply.status_code == 400
    assert reply["Content-Type"] == "application/problem+json"
    assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == (field, code)
    assert problem["requestId"] == reply["X-Request-ID"]
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    "body",
    ["", "[", "null", "[]", '{"a": 1, "a": 2}', '{"amount": NaN}', "[" * 100_000, '{"dueDate": 1' + "0" * 5000 + "}"],
)
def test_a_body_that_is_no_honest_json_is_a_400(client, body):
    reply = client.post("/api/invoices", body, content_type="application/json")

    assert reply.status_code == 400
    assert reply["Content-Type"] == "application/problem+json"


def test_a_draft_is_edited_line_by_line(client, company):
    invoice = make_draft(company, make_item("10"), make_item("20"))
    kept, dropped = invoice.lines.all()

    reply = client.patch(
        f"/api/invoices/{invoice.pk}",
        {
            "version": 1,
            "dueDate": "2027-01-31",
            "items": [
                {"description": "New", "qty": 1, "unitPrice": 5},
                {"id": kept.pk, "description": "Kept", "qty": 3, "unitPrice": 10},
            ],
        },
    )

    body = reply.json()
    assert reply.status_code == 200
    assert [(item["description"], item["lineTotal"]) for item in body["items"]] == [("New", "5.00"), ("Kept", "30.00")]
    assert body["items"][1]["id"] == kept.pk
    assert (body["total"], body["dueDate"], body["version"]) == ("40.25", "2027-01-31", 2)
    assert not InvoiceLine.objects.filter(pk=dropped.pk).exists()


def test_an_edit_without_a_version_is_a_428(client, company):
    invoice = make_draft(company)

    assert client.patch(f"/api/invoices/{invoice.pk}", {"dueDate": "2027-01-31"}).status_code == 428
    assert client.delete(f"/api/invoices/{invoice.pk}").status_code == 428


def test_a_stale_edit_is_a_409_that_says_who_changed_what(client, company):
    invoice = make_draft(company, issue_date=date(2026, 3, 1), due_date=date(2026, 3, 31))
    rival = make_user("Admin", company, email="rival@example.test")
    api_client(rival).patch(f"/api/invoices/{invoice.pk}", {"version": 1, "dueDate": "2026-04-30"})

    reply = client.patch(f"/api/invoices/{invoice.pk}", {"version": 1, "dueDate": "2026-05-31"})

    problem = reply.json()
    assert (reply.status_code, problem["code"], problem["currentVersion"]) == (409, "stale_version", 2)
    assert problem["changedBy"] == "rival@example.test"
    assert problem["changedAt"].endswith("Z")
    assert problem["changes"] == {"dueDate": ["2026-03-31", "2026-04-30"]}
    assert Invoice.objects.get().due_date == date(2026, 4, 30)


def test_a_stale_if_match_is_a_412_and_a_current_one_passes(client, company):
    invoice = make_draft(company)
    url = f"/api/invoices/{invoice.pk}"
    client.patch(url, {"version": 1, "dueDate": "2027-04-30"})

    stale = client.patch(url, {"dueDate": "2027-05-31"}, HTTP_IF_MATCH='"1"')
    current = client.patch(url, {"dueDate": "2027-05-31"}, HTTP_IF_MATCH='"2"')

    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert (current.status_code, current["ETag"]) == (200, '"3"')


def test_a_draft_is_deleted_and_an_issued_invoice_is_not(client, company):
    draft, issued = make_draft(company), make_issued(company)

    assert client.delete(f"/api/invoices/{draft.pk}?version=1").status_code == 204
    refused = client.delete(f"/api/invoices/{issued.pk}?version=2")

    assert (refused.status_code, refused.json()["code"]) == (400, "wrong_status")
    assert list(Invoice.objects.all()) == [issued]


def test_an_issued_invoice_is_not_edited(client, company):
    invoice = make_issued(company)

    reply = client.patch(f"/api/invoices/{invoice.pk}", {"version": 2, "dueDate": "2027-05-31"})

    assert (reply.status_code, reply.json()["code"]) == (400, "wrong_status")


def test_the_history_tells_everything_newest_first(client, company, finance):
    customer = make_customer(company)
    invoice = client.post("/api/invoices", draft_body(customer), headers={"X-Request-ID": "my-request-1"}).json()
    client.post(f"/api/invoices/{invoice['id']}/issue")
    client.post(f"/api/invoices/{invoice['id']}/payments", {"amount": "25", "reference": "EFT-1"})

    rows = client.get(f"/api/invoices/{invoice['id']}/history").json()["results"]

    assert [(row["entityType"], row["version"], row["action"], row["command"]) for row in rows] == [
        ("Invoice", 3, "Updated", "payment.applied"),
        ("Payment", 1, "Created", "payment.applied"),
        ("Invoice", 2, "Updated", "invoice.issued"),
        ("Invoice", 1, "Created", "invoice.created"),
        ("InvoiceLine", 1, "Created", "invoice.created"),
        ("InvoiceLine", 1, "Created", "invoice.created"),
    ]
    assert rows[0]["oldValues"] == {"status": "Issued", "paid": "0.00", "outstanding": "225.00", "entryCount": 0}
    assert rows[0]["newValues"] == {
        "status": "PartiallyPaid",
        "paid": "25.00",
        "outstanding": "200.00",
        "entryCount": 1,
    }
    assert {row["performedBy"] for row in rows} == {finance.email}
    assert rows[-1]["requestId"] == "my-request-1"


def test_a_list_row_says_what_a_list_needs(client, company):
    invoice = make_issued(company, issue_date=date(2026, 1, 1), due_date=date(2026, 1, 31))

    (row,) = client.get("/api/invoices").json()["results"]

    assert row["invoiceNumber"] == "INV-2026-000001"
    assert row["customerName"] == invoice.customer.name
    assert (row["total"], row["paid"], row["outstanding"]) == ("115.00", "0.00", "115.00")
    assert (row["issueDate"], row["dueDate"], row["isOverdue"]) == ("2026-01-01", "2026-01-31", True)


@pytest.mark.parametrize("ordering", ["-createdAt", "createdAt", "total", "-total", "customerName", "-dueDate"])
def test_pages_run_through_the_whole_list_and_back(client, company, ordering):
    ids = {make_draft(company, make_item(str(price % 3 + 1))).pk for price in range(7)}

    pages, url = [], f"/api/invoices?pageSize=3&ordering={ordering}"
    while url:
        page = client.get(url).json()
        pages.append([row["id"] for row in page["results"]])
        url, back = page["next"], page["previous"]

    assert [len(page) for page in pages] == [3, 3, 1]
    assert {row for page in pages for row in page} == ids
    assert [row["id"] for row in client.get(back).json()["results"]] == pages[1]


def test_nothing_is_owed_on_a_cancelled_invoice(client, company):
    open_invoice, cancelled = make_issued(company), make_issued(company)
    url = f"/api/invoices/{cancelled.pk}"

    state = client.post(f"{url}/cancel").json()
    document, before = client.get(url).json(), client.get(f"{url}?version=2").json()

    assert (state["status"], state["total"], state["outstanding"]) == ("Cancelled", "115.00", "0.00")
    assert (document["total"], document["outstanding"], document["isOverdue"]) == ("115.00", "0.00", False)
    assert (before["status"], before["outstanding"]) == ("Issued", "115.00")
    rows = client.get("/api/invoices?ordering=outstanding&totalMin=115").json()["results"]
    assert [(row["id"], row["outstanding"]) for row in rows] == [(cancelled.pk, "0.00"), (open_invoice.pk, "115.00")]
    newest = client.get(f"{url}/history").json()["results"][0]
    assert (newest["oldValues"]["outstanding"], newest["newValues"]["outstanding"]) == ("115.00", "0.00")


def test_an_empty_list_is_a_list(client):
    assert client.get("/api/invoices").json() == {"results": [], "next": None, "previous": None}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("state=Draft", "unknown_parameter"),
        ("status=Open", "invalid_choice"),
        ("ordering=name", "invalid_parameter"),
        ("pageSize=0", "invalid_parameter"),
        ("cursor=nonsense", "invalid_parameter"),
        ("dueDateFrom=tomorrow", "invalid"),
    ],
)
def test_a_wrong_query_is_a_400_with_a_code(client, query, code):
    reply = client.get(f"/api/invoices?{query}")

    assert (reply.status_code, reply.json()["code"]) == (400, code)


def test_filters_narrow_the_list(client, company):
    overdue = make_issued(company, issue_date=date(2026, 1, 1), due_date=date(2026, 1, 31))
    draft = make_draft(company, make_item("1"))

    def ids(query):
        return [row["id"] for row in client.get(f"/api/invoices?{query}").json()["results"]]

    assert ids("status=Draft") == ids("totalMax=2") == ids("overdue=false") == [draft.pk]
    assert ids("status=Issued") == ids("overdue=true") == ids(f"customerId={overdue.customer_id}") == [overdue.pk]
    assert ids("dueDateTo=2026-01-31&currency=ZAR") == [overdue.pk]
    assert ids("customerId=999999") == []


def test_the_list_is_narrowed_to_a_rate_and_category_of_vat_that_one_line_has(client, company):
    mixed = make_issued(company, make_item("1", vat_rate="0.05"), make_item("2", vat_rate="0", vat_category="E"))
    usual = make_issued(company, make_item("3", vat_rate="0.15"), make_item("4", vat_rate="0.15"))

    def ids(query):
        return [row["id"] for row in client.get(f"/api/invoices?{query}").json()["results"]]

    assert ids("vatRate=0.05") == ids("vatCategory=E") == ids("vatRate=0.0&vatCategory=E") == [mixed.pk]
    assert ids("vatRate=0.15") == ids("vatRate=0.1500&vatCategory=S") == [usual.pk]
    assert ids("vatCategory=S") == [usual.pk, mixed.pk]
    assert ids("vatRate=0.05&vatCategory=E") == ids("vatRate=0.2") == []
    assert client.get("/api/invoices?vatCategory=XX").status_code == 400


def test_what_belongs_to_another_company_does_not_exist(client):
    foreign = make_draft(make_company())

    url = f"/api/invoices/{foreign.pk}"
    replies = [
        client.get(url),
        client.patch(url, {"version": 1}),
        client.delete(url),
        client.post(f"{url}/issue"),
        client.post(f"{url}/payments", {"amount": 1}),
        client.get(f"{url}/history"),
    ]

    assert [reply.status_code for reply in replies] == [404] * 6
    assert client.get("/api/invoices").json()["results"] == []


def test_the_company_decides_the_role(company):
    elsewhere = make_company()
    user = add_role(make_user("Viewer", company), elsewhere, "Finance")
    client = api_client(user)

    refused = client.post("/api/invoices", draft_body(make_customer(company), companyId=company.pk))
    allowed = client.post("/api/invoices", draft_body(make_customer(elsewhere), companyId=elsewhere.pk))
    unsaid = client.post("/api/invoices", draft_body(make_customer(elsewhere)))
    foreign = client.post("/api/invoices", draft_body(make_customer(elsewhere), companyId=make_company().pk))

    assert [reply.status_code for reply in (refused, allowed, unsaid, foreign)] == [403, 201, 400, 404]
    assert unsaid.json()["code"] == "company_required"


@pytest.mark.parametrize("role", ["Viewer", "Auditor"])
def test_readers_read_and_write_nothing(company, role):
    draft = make_draft(company)
    client = api_client(make_user(role, company))
    url = f"/api/invoices/{draft.pk}"

    assert client.get(url).status_code == 200
    writes = [
        client.post("/api/invoices", {}),
        client.patch(url, {}),
        client.delete(url),
        client.post(f"{url}/issue", {"version": "x"}),
        client.post(f"{url}/payments", {}),
    ]

    assert [reply.status_code for reply in writes] == [403] * 5
    assert Invoice.objects.get().version == 1


def test_without_sign_in_there_is_nothing():
    client = api_client()

    replies = [client.get("/api/invoices"), client.post("/api/invoices", {}), client.get("/api/invoices/1")]

    assert [reply.status_code for reply in replies] == [401] * 3
    assert replies[0]["WWW-Authenticate"].startswith("Bearer")
