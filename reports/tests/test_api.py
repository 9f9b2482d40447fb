"""The reports over REST: shapes, roles, companies, parameters."""

from datetime import date, timedelta

import pytest

from accounts.tests.factories import add_role, api_client, make_user
from core.testing.statements import counted_statements
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment, refund_payment

pytestmark = pytest.mark.django_db

REPORTS = ("revenue", "outstanding", "vat", "aging")


@pytest.fixture
def company():
    return make_company()


@pytest.fixture
def client(company):
    return api_client(make_user("Viewer", company))


def read(client, report, **parameters):
    reply = client.get(f"/api/reports/{report}", parameters)
    assert reply.status_code == 200, reply.content
    return reply.json()


def refused(client, report, **parameters):
    reply = client.get(f"/api/reports/{report}", parameters)
    return reply.status_code, reply.json()["code"]


def test_revenue_has_the_shape_of_the_contract(company, client):
    finance = make_user("Finance", company)
    invoice = make_issued(company, make_item("100"))
    apply_payment(actor=finance, invoice_id=invoice.pk, amount="100", paid_at=date(2026, 2, 10))
    refund_payment(actor=finance, invoice_id=invoice.pk, amount="30.50", paid_at=date(2026, 3, 1))

    report = read(client, "revenue", **{"from": "2026-02-01", "to": "2026-03-31", "companyId": company.pk})

    assert report == {
        "from": "2026-02-01",
        "to": "2026-03-31",
        "companyId": company.pk,
        "currency": None,
        "results": [
            {
                "currency": "ZAR",
                "received": "100.00",
                "refundsAndReversals": "-30.50",
                "net": "69.50",
                "periods": [
                    {"period": "2026-02", "received": "100.00", "refundsAndReversals": "0.00", "net": "100.00"},
                    {"period": "2026-03", "received": "0.00", "refundsAndReversals": "-30.50", "net": "-30.50"},
                ],
            }
        ],
    }


def test_vat_has_the_shape_of_the_contract(company, client):
    day = date(2026, 3, 5)
    make_issued(company, make_item("200"), make_item("50", vat_rate="0"), issue_date=day)

    report = read(client, "vat", **{"from": "2026-03-05", "to": "2026-03-05", "companyId": company.pk})

    assert report == {
        "from": "2026-03-05",
        "to": "2026-03-05",
        "companyId": company.pk,
        "currency": None,
        "results": [
            {
                "currency": "ZAR",
                "vatTotal": "30.00",
                "vatTotalInCompanyCurrency": {"currency": "ZAR", "amount": "30.00", "documentsLeftOut": 0},
                "rates": [
                    {"vatCategory": "S", "vatRate": "0.15", "taxableAmount": "200.00", "vatAmount": "30.00"},
                    {"vatCategory": "Z", "vatRate": "0", "taxableAmount": "50.00", "vatAmount": "0.00"},
                ],
            }
        ],
        "totalsInCompanyCurrency": [{"currency": "ZAR", "amount": "30.00", "documentsLeftOut": 0}],
    }


def test_outstanding_and_aging_have_the_shapes_of_the_contract(company, client):
    customer = make_customer(company, name="Acme")
    days = {"issue_date": date(2026, 1, 1), "due_date": date(2026, 1, 31)}
    make_issued(company, make_item("100"), customer=customer, **days)
    make_draft(company, make_item("999"), customer=customer, **days)
    debtor = {"customerId": customer.pk, "customerName": "Acme"}
    amounts = {
        "current": "0.00",
        "days1to30": "115.00",
        "days31to60": "0.00",
        "days61to90": "0.00",
        "over90": "0.00",
        "total": "115.00",
    }
    asked = {"asOf": "2026-02-01", "companyId": company.pk, "currency": "ZAR"}

    assert read(client, "outstanding", **asked) == {
        **asked,
        "results": [
            {
                "currency": "ZAR",
                "count": 1,
                "outstanding": "115.00",
                "topDebtors": [{**debtor, "outstanding": "115.00"}],
            }
        ],
    }
    assert read(client, "aging", **asked) == {
        **asked,
        "results": [{"currency": "ZAR", **amounts, "customers": [{**debtor, **amounts}]}],
    }


def test_without_a_company_each_of_the_callers_has_its_own_objects_and_a_strangers_none():
    first, second, strange = make_company(), make_company(currency="JPY"), make_company()
    for company in (first, second, strange):
        make_issued(company, make_item("100"))
    client = api_client(add_role(make_user("Viewer", first), second, "Auditor"))

    results = read(client, "outstanding")["results"]

    assert [(row["companyId"], row["currency"], row["outstanding"]) for row in results] == [
        (first.pk, "ZAR", "115.00"),
        (second.pk, "JPY", "115"),
    ]


@pytest.mark.parametrize("report", REPORTS)
def test_all_roles_read_and_others_do_not(report):
    company = make_company()
    assert api_client().get(f"/api/reports/{report}").status_code == 401
    assert refused(api_client(make_user(None)), report) == (403, "permission_denied")
    for role in ("Admin", "Finance", "Viewer", "Auditor"):
        assert read(api_client(make_user(role, company)), report)["results"] == []


@pytest.mark.parametrize("report", REPORTS)
def test_a_foreign_company_does_not_exist_whatever_else_is_wrong(client, report):
    foreign = make_company()

    assert refused(client, report, companyId=foreign.pk) == (404, "not_found")
    assert refused(client, report, companyId=foreign.pk, asOf="x", to="x") == (404, "not_found")
    assert refused(client, report, companyId=10**30) == (404, "not_found")
    assert refused(client, report, companyId=f" {foreign.pk}") == (404, "not_found")


@pytest.mark.parametrize(
    ("report", "parameters", "code"),
    [
        ("revenue", {"from": "2026-02-30"}, "date_invalid"),
        ("revenue", {"to": "yesterday"}, "date_invalid"),
        ("vat", {"from": "0001-01-01"}, "date_invalid"),
        ("vat", {"to": "9999-12-31"}, "date_invalid"),
        ("vat", {"from": "2026-03-02", "to": "2026-03-01"}, "from_after_to"),
        ("revenue", {"from": "2999-12-31"}, "from_after_to"),
        ("aging", {"asOf": ""}, "date_invalid"),
        ("aging", {"from": "2026-01-01"}, "unknown_parameter"),
        ("vat", {"asOf": "2026-01-01"}, "unknown_parameter"),
        ("outstanding", {"cursor": "x"}, "unknown_parameter"),
        ("outstanding", {"currency": "QQQ"}, "unknown_currency"),
        ("outstanding", {"companyId": "one"}, "invalid"),
        ("outstanding", {"companyId": ""}, "invalid"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_code(client, report, parameters, code):
    assert refused(client, report, **parameters) == (400, code)


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("unknown", ["pdf", "CSV", "", "api", "xls"])
def test_other_formats_are_refused_by_name(client, report, unknown):
    reply = client.get(f"/api/reports/{report}", {"format": unknown})

    assert (reply.status_code, reply["Content-Type"]) == (400, "application/problem+json")
    assert reply.json()["errors"][0]["field"] == "format"
    assert "json, csv, xlsx" in reply.json()["detail"]
    assert read(client, report, format="json")["results"] == []


def test_without_dates_the_last_thirty_days_count_and_today(company, client):
    today = company.today()

    for report in ("revenue", "vat"):
        body = read(client, report)
        assert (body["from"], body["to"]) == (str(today - timedelta(days=29)), str(today))
    for report in ("outstanding", "aging"):
        assert read(client, report)["asOf"] == str(today)
    assert read(client, "vat", to="2026-03-31")["from"] == "2026-03-02"


def test_today_is_null_where_it_is_not_the_same_day_in_all_companies():
    east, west = make_company(time_zone="Pacific/Kiritimati"), make_company(time_zone="Pacific/Pago_Pago")
    for company in (east, west):
        day = company.today()
        make_issued(company, make_item("100"), issue_date=day, due_date=day)
    client = api_client(add_role(make_user("Viewer", east), west, "Viewer"))

    assert read(client, "aging")["asOf"] is None
    assert [row["current"] for row in read(client, "aging")["results"]] == ["115.00", "115.00"]
    named = read(client, "aging", companyId=west.pk)
    assert (named["asOf"], named["results"][0]["current"]) == (str(west.today()), "115.00")


def counts(size):
    """The statements of each report, about two companies in two time zones with `size` customers each."""
    companies = [make_company(time_zone=zone) for zone in ("Africa/Johannesburg", "America/New_York")]
    user = add_role(make_user("Viewer", companies[0]), companies[1], "Viewer")
    for company in companies:
        for number in range(size):
            days = {"issue_date": date(2026, 1, number + 1), "due_date": date(2026, number + 1, 28)}
            invoice = make_issued(company, make_item("100"), make_item("7", vat_rate="0"), **days)
            apply_payment(actor=user, invoice_id=invoice.pk, amount="1", paid_at=date(2026, 2, number + 1))
    found = {}
    for report, dates in {
        "revenue": {"from": "2026-01-01"},
        "vat": {"from": "2026-01-01"},
        "outstanding": {},
        "aging": {},
        "outstanding then": {"asOf": "2026-01-31"},
        "dashboard": {},
    }.items():
        with counted_statements() as statements:
            assert len(read(api_client(user), report.split()[0], **dates)["results"]) == 2
        found[report] = len(statements)
    return found


def test_a_report_takes_as_many_statements_whatever_the_data():
    """One for the companies (of VAT also for their currencies); then for each zone (of what is owed, also whether
    anything has moved since the day), and where debtors are looked for, for each company and currency."""
    expected = {"revenue": 5, "vat": 4, "outstanding": 7, "aging": 5, "outstanding then": 4, "dashboard": 13}
    assert counts(1) == counts(5) == expected
