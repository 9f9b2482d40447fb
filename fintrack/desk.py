"""The admin's look, and the sidebar: what a finance desk opens most stands first."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from reports.desk_sections import REPORTS

SIDEBAR = (
    (
        "Receivables",
        (
            ("invoices.Invoice", "receipt_long"),
            ("payments.Payment", "payments"),
            ("credits.CreditNote", "assignment_return"),
            ("parties.Customer", "groups"),
            ("invoices.RecurringInvoice", "event_repeat"),
            ("imports.ImportFile", "upload_file"),
        ),
    ),
    (
        "Mail",
        (
            ("notifications.Message", "outgoing_mail"),
            ("notifications.MailTemplate", "edit_note"),
            ("notifications.MailSettings", "schedule_send"),
            ("notifications.StatementRun", "request_quote"),
            ("notifications.DigestWish", "today"),
        ),
    ),
    ("Record", (("audit.Change", "history"), ("invoices.NumberSeries", "format_list_numbered"))),
    (
        "Settings",
        (
            ("parties.Company", "apartment"),
            ("parties.BankAccount", "account_balance"),
            ("currencies.ExchangeRate", "currency_exchange"),
            ("accounts.User", "person"),
            ("accounts.Membership", "badge"),
        ),
    ),
)
"""Groups of (model, symbol)."""
REPORT_SYMBOLS = {"revenue": "bar_chart", "outstanding": "hourglass_top", "aging": "event_busy", "vat": "percent"}
TITLES = {"invoices.NumberSeries": "Number register"}
"""Names of what is looked for under another name than the model's."""


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar of this reader: the home page, and the list of every model that they may see."""
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    groups = [{"items": [home]}]
    for title, models in SIDEBAR:
        items = [_item(label, symbol) for label, symbol in models if _may_see(request, label)]
        if title == "Record" and _may_see(request, "audit.Change"):
            items = _with_changes(request, items)
        if title == "Receivables" and request.user.has_perm("payments.add_payment"):
            items.insert(
                1, {"title": "Take a payment", "icon": "add_card", "link": reverse("admin:payments_payment_take")}
            )
        groups.append({"title": title, "items": items})
    if request.user.has_perm("invoices.view_invoice"):
        groups.insert(2, {"title": "Reports", "items": [_report(name) for name in REPORT_SYMBOLS]})
    return [group for group in groups if group["items"]]


def own_account(request: HttpRequest) -> list[dict[str, Any]]:
    """What is one's own, in the menu below one's name."""
    return [
        {"title": "Sign-in and security", "link": reverse("security")},
        {"title": "Change password", "link": reverse("admin:password_change")},
    ]


def stylesheet(request: HttpRequest) -> str:
    """The address of what the books need beside the admin's own look."""
    return static("core/desk.css")


def focus_script(request: HttpRequest) -> str:
    """The address of the script that puts the cursor where a page begins."""
    return static("core/focus.js")


def names_script(request: HttpRequest) -> str:
    """The address of the script that names boxes of choices for those who hear a page."""
    return static("core/names.js")


def scroll_script(request: HttpRequest) -> str:
    """The address of the script that lets keys scroll what is wider than the screen."""
    return static("core/scroll.js")


def icon(request: HttpRequest) -> str:
    """The address of the picture in the browser's tab."""
    return static("core/icon.svg")


def _with_changes(request: HttpRequest, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The change browser before the journal, whose address is the beginning of its own."""
    changes = reverse("admin:audit_changes")
    journal = {**items[0], "active": False} if request.path.startswith(changes) else items[0]
    return [{"title": "Changes", "icon": "difference", "link": changes}, journal, *items[1:]]


def _may_see(request: HttpRequest, label: str) -> bool:
    model_admin = admin.site.get_model_admin(apps.get_model(label))
    return bool(model_admin.has_view_permission(request))


def _report(name: str) -> dict[str, Any]:
    link = reverse("report-page", args=[name])
    return {"title": REPORTS[name].title, "icon": REPORT_SYMBOLS[name], "link": link}


def _item(label: str, symbol: str) -> dict[str, Any]:
    options = apps.get_model(label)._meta
    link = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return {"title": TITLES.get(label, str(options.verbose_name_plural).capitalize()), "icon": symbol, "link": link}
