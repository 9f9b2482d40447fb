"""The customers' pages, below /i/. Nothing else is there."""

from django.urls import path, re_path

from portal.pages import customer_credit_note, customer_page, customer_pdf, no_page

urlpatterns = [
    path("<str:token>", customer_page, name="customer-page"),
    path("<str:token>/pdf", customer_pdf, name="customer-pdf"),
    path("<str:token>/credit-notes/<int:note_id>", customer_credit_note, name="customer-credit-note"),
    re_path(r"^(?P<rest>.*)$", no_page, name="customer-no-page"),
]
