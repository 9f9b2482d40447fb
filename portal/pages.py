"""The customer's page and its file, for whoever has the link. Nobody signs in; no cookie is set, no session touched.

Whatever is wrong with a link, the answer is one and the same page.
"""

from collections.abc import Callable, Sequence
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from accounts.addresses import client_address
from accounts.attempts import TooManyAttempts
from core.api.downloads import pdf_reply
from core.database import KEYS
from credits.documents import credit_note_file
from invoices.documents import invoice_document_file
from invoices.models import Invoice
from invoices.selectors import invoice_document
from portal.models import InvoiceLink
from portal.pay import PayButton
from portal.selectors import link_of_token
from portal.services import count_download, count_request, count_use, count_view
from portal.sheet import page_context
from portal.words import WORDS

View = Callable[..., HttpResponse]

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "X-Frame-Options": "DENY",
}
LOOKING_AHEAD = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""Headers of requests that nobody has seen the answer of yet: prefetching, previews of links."""


def private(view: View) -> View:
    """The view, whose answers are kept nowhere, found by no search, and load and run nothing from elsewhere."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: str, **named: str) -> HttpResponse:
        response = view(request, *args, **named)
        for name, value in HEADERS.items():
            response[name] = value
        response.setdefault("Content-Security-Policy", content_policy())
        return response

    return wrapped


def content_policy(buttons: Sequence[PayButton] = ()) -> str:
    """The Content-Security-Policy of a page with these buttons; without any, its forms go nowhere."""
    origins = " ".join(sorted({origin for button in buttons for origin in button.origins})) or "'none'"
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {origins}"
    )


@private
@require_safe
def customer_page(request: HttpRequest, token: str) -> HttpResponse:
    """The invoice for its customer."""
    return _answered(request, token, _page)


@private
@require_safe
def customer_pdf(request: HttpRequest, token: str) -> HttpResponse:
    """The invoice's file for its customer: the one that everybody gets."""
    return _answered(request, token, _file)


@private
@require_safe
def customer_credit_note(request: HttpRequest, token: str, note_id: int) -> HttpResponse:
    """The file of a credit note of the invoice, for its customer."""

    def note_file(request: HttpRequest, token: str, link: InvoiceLink, invoice: Invoice) -> HttpResponse:
        if note_id not in KEYS or not invoice.credit_notes.filter(pk=note_id).exists():
            return _refusal("no_page", status=404)
        document = credit_note_file(note_id)
        return pdf_reply(bytes(document.content), document.file_name, as_attachment=True)

    return _answered(request, token, note_file)


@private
@require_safe
def no_page(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Whatever else is asked for below the address of customers' pages."""
    return _answered(request, "", _page)


def rendered(invoice: Invoice, *, pdf_address: str, address_of_note: Callable[[int], str]) -> HttpResponse:
    """The page of an issued invoice; where its file is, and where that of each of its credit notes, by their ids."""
    context = page_context(invoice, address_of_note)
    page = render_to_string("portal/page.html", {**context, "pdf_address": pdf_address})
    return HttpResponse(page, headers={"Content-Security-Policy": content_policy(context["buttons"])})


def _answered(
    request: HttpRequest, token: str, make: Callable[[HttpRequest, str, InvoiceLink, Invoice], HttpResponse]
) -> HttpResponse:
    """What `make` makes for the link and its invoice, unless there are none, or too many ask."""
    try:
        count_request(client_address(request))
        link = link_of_token(token)
        if link is None:
            return _refusal("no_page", status=404)
        count_use(link)
    except TooManyAttempts as refusal:
        response = _refusal("too_often", status=refusal.status)
        response["Retry-After"] = str(refusal.wait)
        return response
    invoice = invoice_document(link.invoice_id)
    if invoice is None or invoice.issued_at is None:
        return _refusal("no_page", status=404)
    return make(request, token, link, invoice)


def _page(request: HttpRequest, token: str, link: InvoiceLink, invoice: Invoice) -> HttpResponse:
    response = rendered(
        invoice, pdf_address=f"{token}/pdf", address_of_note=lambda note_id: f"{token}/credit-notes/{note_id}"
    )
    if _is_seen(request):
        count_view(link)
    return response


def _file(request: HttpRequest, token: str, link: InvoiceLink, invoice: Invoice) -> HttpResponse:
    document = invoice_document_file(invoice.pk)
    if _is_seen(request):
        count_download(link)
    return pdf_reply(bytes(document.content), document.file_name, as_attachment=True)


def _is_seen(request: HttpRequest) -> bool:
    """Whether somebody is about to see the answer, as far as the request says."""
    purposes = " ".join(request.headers.get(name, "") for name in LOOKING_AHEAD).lower()
    return request.method == "GET" and not ("prefetch" in purposes or "preview" in purposes)


def _refusal(word: str, *, status: int) -> HttpResponse:
    """A page in all languages: whose it would have been is not known, or not said."""
    texts = [
        {"language": language, "title": words[word], "hint": words[f"{word}_hint"]} for language, words in WORDS.items()
    ]
    return HttpResponse(render_to_string("portal/refused.html", {"texts": texts}), status=status)
