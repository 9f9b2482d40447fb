"""Customers in the admin, with the page that prints their statements."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminDateWidget
from django.http import HttpRequest, HttpResponse

from audit.admin import CommandPage
from core.admin import VerbForm, require_page
from core.api.downloads import pdf_reply
from core.errors import DomainError
from notifications.admin import MailedCustomerAdmin
from parties.models import Customer
from reports.accounts import account_of
from reports.periods import days_between
from reports.statement_pdf import statement_pdf, statement_pdf_name
from reports.statement_runs import admin as _runs  # noqa: F401  # the pages of runs
from reports.statements import statement


class StatementForm(VerbForm):
    """The days of a statement, and its currency."""

    first = forms.DateField(label="From", widget=AdminDateWidget)
    last = forms.DateField(label="To", widget=AdminDateWidget)
    currency = forms.CharField(max_length=3)


class StatementPage(CommandPage):
    """The form that prints a statement."""

    name = "statement"
    button = "Statement"
    submit = "Open the PDF"
    permission = "parties.view_customer"
    form_class = StatementForm

    def initial(self) -> dict[str, Any]:
        """The last 30 days, in the company's currency."""
        [days] = days_between([self.obj.company], None, None)
        return {"first": days.first, "last": days.last, "currency": self.obj.company.currency}

    def respond(self) -> HttpResponse:
        """The form, or the PDF."""
        require_page(self.is_allowed())
        form = self.form()
        if self.request.method != "POST" or not form.is_valid():
            return self.show(form)
        try:
            return self.printed(form.cleaned_data)
        except DomainError as refusal:
            return self.refused(refusal)

    def printed(self, values: dict[str, Any]) -> HttpResponse:
        """The PDF, shown by the browser."""
        [days] = days_between([self.obj.company], values["first"], values["last"])
        account = statement(self.obj, days, currency=values["currency"])
        return pdf_reply(statement_pdf(account), statement_pdf_name(account), as_attachment=False)


@admin.register(Customer)
class StatedCustomerAdmin(MailedCustomerAdmin):
    """Customers with their statements, and a page that shows what they owe."""

    command_pages = (*MailedCustomerAdmin.command_pages, StatementPage)
    change_form_template = "reports/admin/customer.html"

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("invoices/desk.css",)}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """The form, below what the customer owes where the reader may see invoices."""
        customer = options.get("obj")
        if customer is not None and request.user.has_perm("invoices.view_invoice", customer):
            context |= {
                "account": account_of(customer),
                "customer_key": str(customer.pk),
                "may_bill": request.user.has_perm("invoices.add_invoice", customer),
                "may_pay": request.user.has_perm("payments.add_payment", customer),
            }
        return super().render_change_form(request, context, *args, **options)
