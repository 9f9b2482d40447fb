"""What companies write in their mails: plain placeholders, and nothing that runs."""

from datetime import date

import pytest

from audit.actors import SYSTEM
from core.errors import ConstraintBroken
from core.placeholders import filled
from invoices.tests.factories import make_issued, make_item
from notifications.agreements.services import agree_with_customer, delete_template, save_settings, save_template
from notifications.kinds import Kind
from notifications.letters import texts_of
from notifications.models import MailTemplate, Message
from notifications.services import request_sending
from notifications.templating import (
    DEFAULT_TEXTS,
    PLACEHOLDERS,
    STATEMENT_PLACEHOLDERS,
    TemplateInvalid,
    require_known_placeholders,
    sample_values,
)
from notifications.tests.factories import make_sendable
from parties.tests.factories import make_company, make_customer


def own(company, **details):
    values = {"kind": "invoice", "language": "en", "subject": "Bill {invoiceNumber}", "body": "Pay {total}."}
    return save_template(actor=SYSTEM, company=company, **values | details)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{invoiceNumbr}", "{invoiceNumbr}"),
        ("{}", "{}"),
        ("{total!r}", "{total!r}"),
        ("{total.__class__}", "{total.__class__}"),
        ("{total:>1000000000}", "{total:>1000000000}"),
        ("{{total}}", "{"),
        ("{total", "{"),
        ("total}", "}"),
    ],
)
def test_what_nothing_fills_in_is_refused_by_name(text, named):
    with pytest.raises(TemplateInvalid) as refusal:
        require_known_placeholders(f"Total {{total}}: {text}", kind=Kind.INVOICE, field="body")

    assert refusal.value.detail.startswith(f"{named} is not filled in by anything; known are: {{invoiceNumber}}, ")


def test_what_is_filled_in_is_not_read_again():
    assert filled("{customerName}", {**PLACEHOLDERS, "customerName": "{total} %s {{ x }}"}) == "{total} %s {{ x }}"


@pytest.mark.parametrize("key", DEFAULT_TEXTS)
def test_the_built_in_texts_keep_the_rules_and_there_is_one_of_each_kind_in_english(key):
    for text in DEFAULT_TEXTS[key]:
        require_known_placeholders(text, kind=key[0], field="body")
    assert (key[0], "en") in DEFAULT_TEXTS


@pytest.mark.django_db
def test_a_company_sends_its_own_texts_in_its_language_until_it_gives_them_up():
    company = make_company()
    save_settings(actor=SYSTEM, company=company, language="de")
    template = own(company, language="de")
    own(company, language="en", subject="Not this one")

    request_sending(actor=SYSTEM, invoice_id=(invoice := make_sendable(company)).pk)

    message = Message.objects.get()
    assert (message.subject, message.body) == (f"Bill {invoice.number}", "Pay 115,00.")
    delete_template(actor=SYSTEM, template_id=template.pk, version=1)
    assert texts_of(company, Kind.INVOICE, "de") == (*DEFAULT_TEXTS[Kind.INVOICE, "de"], "de")
    assert texts_of(company, Kind.INVOICE, "xh") == (*DEFAULT_TEXTS[Kind.INVOICE, "en"], "en")


@pytest.mark.parametrize(
    ("language", "total", "due"), [("en", "1,150.00", "31 March 2026"), ("de", "1.150,00", "31. März 2026")]
)
def test_the_preview_writes_amounts_and_days_as_the_language_does(language, total, due):
    values = sample_values(Kind.INVOICE, language)

    assert (values["total"], values["dueDate"]) == (total, due)
    assert set(sample_values(Kind.STATEMENT, language)) >= set(STATEMENT_PLACEHOLDERS)


@pytest.mark.django_db
def test_amounts_and_days_in_a_mail_are_written_as_its_language_does():
    company = make_company()
    customer = make_customer(company, email="a@example.test")
    agree_with_customer(actor=SYSTEM, customer_id=customer.pk, do_not_remind=False, language="de")
    days = {"issue_date": date(2026, 3, 1), "due_date": date(2026, 3, 31)}
    invoice = make_issued(company, make_item("1000"), customer=customer, **days)

    message = request_sending(actor=SYSTEM, invoice_id=invoice.pk)

    assert "über ZAR 1.150,00." in message.body
    assert "bis zum 31. März 2026." in message.body


@pytest.mark.django_db
@pytest.mark.parametrize(
    "details", [{"subject": "Two\nlines"}, {"subject": " "}, {"body": ""}, {"subject": "{total.real}"}]
)
def test_a_template_that_cannot_be_sent_is_not_saved(details):
    with pytest.raises(TemplateInvalid):
        own(make_company(), **details)

    assert not MailTemplate.objects.exists()


@pytest.mark.django_db
def test_there_is_one_template_of_a_kind_and_language():
    company = make_company()
    own(company)

    with pytest.raises(ConstraintBroken) as refusal:
        own(company)

    assert refusal.value.constraint_code == "template_exists"
