"""One command on many invoices of the list: what will be done is shown first, and then what became of each row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from audit.admin import CommandPage
from core.admin import require_page
from core.errors import DomainError, PermissionDenied
from invoices.models import Invoice
from invoices.selectors import invoice_documents_of

MOST_ROWS = 200


@dataclass(frozen=True)
class Row:
    """An invoice of those chosen, as its reader saw it, and why nothing can be done with it, if so."""

    invoice: Invoice
    version: int
    refusal: str = ""


@dataclass(frozen=True)
class Result:
    """What became of a row."""

    invoice: Invoice
    sentence: str
    is_done: bool


class BulkPage:
    """A command on many invoices. A leaf says which page gives it to one, and gives it to all."""

    page: ClassVar[type[CommandPage]]
    done: ClassVar[str]
    """What is said of the rows that it was done to: "issued"."""
    warning: ClassVar[str]
    """What to know before it is done."""

    def __init__(self, model_admin: Any, request: HttpRequest) -> None:
        self.model_admin = model_admin
        self.request = request

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.page.name

    @property
    def button(self) -> str:
        """The verb."""
        return self.page.button

    @property
    def address(self) -> str:
        """Where the command is given."""
        return reverse("admin:invoices_invoice_bulk", args=[self.name])

    def is_allowed(self) -> bool:
        """Whether a role in any company carries the command."""
        return bool(self.request.user.has_perm(self.page.permission))

    def give(self, rows: Sequence[Row]) -> list[str | DomainError]:
        """Give the command to each of the rows: what is said of it, or its refusal, in order."""
        raise NotImplementedError

    def confirm(self, invoice_ids: Sequence[int]) -> HttpResponse:
        """The page that shows what will be done to each of the invoices, and what will not."""
        rows = [self._row(invoice, invoice.version) for invoice in self._invoices(invoice_ids)]
        possible = [row for row in rows if not row.refusal]
        context = self.model_admin.page_context(
            self.request,
            title=f"{self.button} {len(possible)} of {len(rows)} invoices?",
            page=self,
            rows=rows,
            possible=possible,
        )
        return TemplateResponse(self.request, "invoices/admin/bulk_confirm.html", context)

    def respond(self) -> HttpResponse:
        """Give the command to the rows that were confirmed, and say what became of each."""
        require_page(self.is_allowed())
        if self.request.method != "POST":
            return HttpResponseRedirect(reverse("admin:invoices_invoice_changelist"))
        versions = _confirmed(self.request.POST.getlist("row"))
        rows = [self._row(invoice, versions[invoice.pk]) for invoice in self._invoices(list(versions))]
        allowed = [row for row in rows if row.refusal != PermissionDenied.default_detail]
        outcomes = dict(zip((row.invoice.pk for row in allowed), self.give(allowed), strict=True))
        shown = self._invoices(list(versions))
        results = [_result(invoice, outcomes.get(invoice.pk, PermissionDenied())) for invoice in shown]
        done = sum(1 for result in results if result.is_done)
        context = self.model_admin.page_context(
            self.request, title=f"{done} of {len(results)} invoices {self.done}", page=self, results=results, done=done
        )
        return TemplateResponse(self.request, "invoices/admin/bulk_results.html", context)

    def _invoices(self, invoice_ids: Sequence[int]) -> list[Invoice]:
        user: Any = self.request.user
        documents = invoice_documents_of(user).filter(pk__in=invoice_ids).order_by("created_at", "pk")
        return list(documents[:MOST_ROWS])

    def _row(self, invoice: Invoice, version: int) -> Row:
        one = self.page(self.model_admin, self.request, invoice)
        if not one.is_allowed():
            return Row(invoice, version, PermissionDenied.default_detail)
        obstacle = one.obstacle()
        return Row(invoice, version, obstacle.detail if obstacle else "")


def chosen(bulk_page: type[BulkPage]) -> Any:
    """The list's action that leads to the confirmation."""

    def action(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        ids = [int(pk) for pk in request.POST.getlist("_selected_action") if pk.isascii() and pk.isdigit()]
        if len(ids) > MOST_ROWS:
            messages.error(request, f"At most {MOST_ROWS} invoices at once; choose fewer.")
            return None
        return bulk_page(model_admin, request).confirm(ids)

    return action


def _confirmed(pairs: Sequence[str]) -> dict[int, int]:
    """Id -> version of the rows that were confirmed ("12:3"); what is no such pair is left out."""
    split = (pair.partition(":") for pair in pairs[:MOST_ROWS])
    return {int(pk): int(version) for pk, _, version in split if _is_number(pk) and _is_number(version)}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19  # what a 64-bit key has room for


def _result(invoice: Invoice, outcome: str | DomainError) -> Result:
    if isinstance(outcome, DomainError):
        return Result(invoice, outcome.detail, is_done=False)
    return Result(invoice, outcome, is_done=True)
