"""The admin's home: what is owed, what is late, what came in, and what waits; for one company in one currency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from core.admin import companies_where
from parties.models import Company
from reports.charts import Chart, Series, bar_chart, shares
from reports.dashboard import dashboards
from reports.desk import PERMISSION
from reports.desk_sections import BUCKET_NAMES, Asked, due_dates_of, payments_of_month
from reports.figures import Bucket, Dashboard, Owed
from reports.periods import Days, months_back

LAST_COMPANY = "home_company"


@dataclass(frozen=True)
class Card:
    """A figure at the top, and the list behind it."""

    title: str
    owed: Owed
    link: str
    note: str
    tone: str = ""


@dataclass(frozen=True)
class AgingBar:
    """A bucket of what is owed, and how much of it all it is, in percent."""

    name: str
    bucket: Bucket
    share: float
    link: str


def home_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the home page, with the figures of the company and currency that are looked at."""
    companies = list(companies_where(request.user, PERMISSION, Company.objects.order_by("name")))
    if not companies:
        return context
    company = _chosen_company(request, companies)
    boards = dashboards([company])
    board = next((one for one in boards if one.currency == request.GET.get("currency")), boards[0])
    first_month = months_back(board.today, len(board.months) - 1)
    asked = Asked(company, Days(company.zone, [company.pk], first_month, board.today))
    return {
        **context,
        "company": company,
        "board": board,
        "cards": _cards(board, asked),
        "chart": _chart(board),
        "months": [(month, payments_of_month(month.period, board.currency, asked)) for month in reversed(board.months)],
        "aging": _aging(board, asked),
        "debtors": [
            (debtor, _open(asked, board, customer__id__exact=debtor.customer_id)) for debtor in board.top_debtors
        ],
        "companies": [_choice(one.name, one == company, company=one.pk) for one in companies],
        "currencies": [
            _choice(one.currency, one is board, company=company.pk, currency=one.currency) for one in boards
        ],
        "may_bill": request.user.has_perm("invoices.add_invoice", company),
        "may_take_payments": request.user.has_perm("payments.add_payment", company),
    }


def _chosen_company(request: HttpRequest, companies: Sequence[Company]) -> Company:
    """The company that the address names, or the one looked at last."""
    by_key = {str(company.pk): company for company in companies}
    named = by_key.get(request.GET.get("company", ""))
    if named is not None and len(companies) > 1:
        request.session[LAST_COMPANY] = str(named.pk)
    return named or by_key.get(request.session.get(LAST_COMPANY, ""), companies[0])


def _cards(board: Dashboard, asked: Asked) -> list[Card]:
    month = board.this_month
    received = Owed(board.currency, 0, month.net)
    yesterday = board.today - timedelta(days=1)
    return [
        Card("Outstanding", board.outstanding, _open(asked, board), _documents(board.outstanding)),
        Card(
            "Overdue",
            board.overdue,
            _open(asked, board, due_date__lte=yesterday),
            _documents(board.overdue),
            tone="bad" if board.overdue.count else "",
        ),
        Card(
            "Paid this month",
            received,
            payments_of_month(month.period, board.currency, asked),
            f"{month.period}, net of what went back",
            tone="good",
        ),
        Card(
            "Drafts waiting",
            board.drafts,
            asked.invoices(status="Draft", currency=board.currency),
            _documents(board.drafts),
        ),
    ]


def _documents(owed: Owed) -> str:
    return f"{owed.count} invoice" if owed.count == 1 else f"{owed.count} invoices"


def _chart(board: Dashboard) -> Chart:
    series = [
        Series("Invoiced", [month.invoiced for month in board.months]),
        Series("Received, net", [month.net for month in board.months]),
    ]
    return bar_chart([month.period for month in board.months], series, currency=board.currency)


def _aging(board: Dashboard, asked: Asked) -> list[AgingBar]:
    parts = zip(board.aging, shares([bucket.amount for bucket in board.aging]), strict=True)
    return [
        AgingBar(
            BUCKET_NAMES[bucket.bucket], bucket, share, _open(asked, board, **due_dates_of(bucket.bucket, board.today))
        )
        for bucket, share in parts
    ]


def _open(asked: Asked, board: Dashboard, **filters: Any) -> str:
    return asked.invoices(open=1, currency=board.currency, issue_date__lte=board.today, **filters)


def _choice(name: str, is_chosen: bool, **parameters: Any) -> Mapping[str, Any]:
    return {"name": name, "is_chosen": is_chosen, "link": f"{reverse('admin:index')}?{urlencode(parameters)}"}
