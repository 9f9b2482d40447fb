"""The promise: an issued invoice has at most one link, and each change of it is one entry of the journal."""

import pytest

from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from audit.tests.tampering import versions_of
from core.errors import StaleVersion
from invoices.lifecycle import WrongStatus
from invoices.models import Invoice
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued
from parties.tests.factories import make_company
from portal.models import InvoiceLink
from portal.selectors import link_of_token
from portal.services import LinkNotFound, create_link, links_for, renew_link, revoke_link
from portal.tests.factories import make_linked, token_of_invoice

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice() -> Invoice:
    return make_linked()


def link_entries() -> list[str]:
    entries = Change.objects.filter(action__startswith="invoice.link").order_by("id")
    return list(entries.values_list("action", flat=True))


def test_a_link_is_made_once() -> None:
    invoice = make_issued(make_company())

    first, was_made = create_link(actor=SYSTEM, invoice_id=invoice.pk)
    token = token_of_invoice(invoice)
    second, was_made_again = create_link(actor=SYSTEM, invoice_id=invoice.pk)

    assert (was_made, was_made_again, second.pk, token_of_invoice(invoice)) == (True, False, first.pk, token)
    assert (first.created_at, link_entries()) == (first.change.at, ["invoice.link_created"])


def test_a_draft_has_none_and_a_cancelled_draft_neither() -> None:
    draft = make_draft(make_company())

    with pytest.raises(WrongStatus, match="this is draft"):
        create_link(actor=SYSTEM, invoice_id=draft.pk)
    cancel_invoice(actor=SYSTEM, invoice_id=draft.pk)
    with pytest.raises(WrongStatus, match="this is cancelled"):
        create_link(actor=SYSTEM, invoice_id=draft.pk)
    assert link_entries() == []


def test_a_cancelled_invoice_that_was_issued_may_have_one() -> None:
    invoice = make_issued(make_company())
    cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk)

    assert create_link(actor=SYSTEM, invoice_id=invoice.pk)[1]


def test_a_renewed_link_is_another_one(invoice: Invoice) -> None:
    old = token_of_invoice(invoice)

    link = renew_link(actor=SYSTEM, invoice_id=invoice.pk, version=1)

    assert link_of_token(old) is None
    assert link_of_token(token_of_invoice(invoice)) == link
    assert (link.version, link_entries()) == (2, ["invoice.link_created", "invoice.link_renewed"])
    assert link.created_at == link.change.at


def test_a_revoked_link_is_gone_and_a_new_one_is_another(invoice: Invoice) -> None:
    old = token_of_invoice(invoice)

    revoked = revoke_link(actor=SYSTEM, invoice_id=invoice.pk, version=1)
    for verb in (revoke_link, renew_link):
        with pytest.raises(LinkNotFound):
            verb(actor=SYSTEM, invoice_id=invoice.pk)
    link, was_made = create_link(actor=SYSTEM, invoice_id=invoice.pk)

    assert revoked.revoked_at == revoked.change.at
    assert (was_made, link.version, link.revoked_at) == (True, 3, None)
    assert (link_of_token(old), link_of_token(token_of_invoice(invoice))) == (None, link)
    assert versions_of(InvoiceLink.objects.get()) == [(1, "+"), (2, "~"), (3, "~")]
    assert list(faults()) == []


def test_whoever_read_another_link_changes_nothing(invoice: Invoice) -> None:
    renew_link(actor=SYSTEM, invoice_id=invoice.pk)
    token = token_of_invoice(invoice)

    for verb in (create_link, revoke_link, renew_link):
        with pytest.raises(StaleVersion) as refusal:
            verb(actor=SYSTEM, invoice_id=invoice.pk, version=1)
        assert "nonce" not in refusal.value.changes
    revoke_link(actor=SYSTEM, invoice_id=invoice.pk, version=2)
    with pytest.raises(StaleVersion):
        revoke_link(actor=SYSTEM, invoice_id=invoice.pk, version=2)
    with pytest.raises(LinkNotFound):
        create_link(actor=SYSTEM, invoice_id=make_issued(make_company()).pk, version=1)
    assert link_of_token(token) is None
    assert link_entries()[1:] == ["invoice.link_renewed", "invoice.link_revoked"]


def test_many_links_at_once_leave_those_that_there_are(invoice: Invoice) -> None:
    others = [make_issued(make_company()) for _ in range(2)]
    token = token_of_invoice(invoice)

    links = links_for(actor=SYSTEM, invoice_ids=[others[1].pk, invoice.pk, others[0].pk])

    assert set(links) == {invoice.pk, *(other.pk for other in others)}
    assert token_of_invoice(invoice) == token
    assert link_entries() == ["invoice.link_created"] * 3
