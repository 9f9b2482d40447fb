"""Customers in the admin, with the page that prints their statements."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminDateWidget
from django.http import HttpResponse

from audit.admin import CommandPage
from core.admin import VerbForm, require_page
from core.api.downloads import pdf_reply
from core.errors import DomainError
from notifications.admin import MailedCustomerAdmin
from parties.models import Customer
from reports.periods import days_between
from reports.statement_pdf import statement_pdf, statement_pdf_name
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
    """Customers with their statements."""

    command_pages = (*MailedCustomerAdmin.command_pages, StatementPage)
