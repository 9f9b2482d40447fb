"""How a company's documents look, and where it is paid: what is taken, what is refused, what is on record."""

import base64
import struct
import zlib
from hashlib import sha256

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import history_model
from core.errors import ConstraintBroken
from invoices.documents import invoice_document_file
from invoices.tests.factories import make_issued
from parties.images import LogoInvalid, read_logo
from parties.models import BankAccount, Company, CompanyLogo
from parties.services import (
    BankAccountInvalid,
    PartyInvalid,
    create_bank_account,
    delete_bank_account,
    update_bank_account,
    update_company,
    update_customer,
)
from parties.tests.factories import IBAN, make_bank_account, make_company, make_customer, png_image

pytestmark = pytest.mark.django_db


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(inserted: bytes) -> bytes:
    """A small PNG with a chunk more, behind its head."""
    image = png_image()
    return image[:33] + inserted + image[33:]


def packed(megabytes: int) -> bytes:
    """So much of nothing, in a thousandth of the room."""
    return zlib.compress(bytes(megabytes * 1_000_000), 9)


# 1 x 1 pixels, says its first frame, and its second 60,000 x 60,000
JPEG_THAT_GROWS = b"\xff\xd8" + b"".join(
    b"\xff\xc0" + struct.pack(">HBHHBBBB", 11, 8, side, side, 1, 1, 0x11, 0) for side in (1, 60_000)
)

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><script>alert(1)</script></svg>'


def set_logo(company: Company, logo: bytes | None) -> Company:
    return update_company(actor=SYSTEM, company_id=company.pk, logo=logo)


def test_a_logo_is_kept_once_and_its_hash_is_on_record():
    company = make_company()
    image = png_image()

    for logo in (image, None, image):
        set_logo(company, logo)

    digest = sha256(image).hexdigest()
    versions = history_model(Company).objects.filter(id=company.pk).order_by("version")
    assert [version.logo_sha256 for version in versions] == [None, digest, None, digest]
    assert [bytes(logo.content) for logo in CompanyLogo.objects.all()] == [image]
    assert list(faults()) == []


@pytest.mark.parametrize(
    "content",
    [
        SVG,
        b"GIF89a\x01\x00\x01\x00",
        b"",
        b"\x89PNG\r\n\x1a\n",
        png_image()[:-20],
        png_image(4, 2)[:16] + struct.pack(">II", 60_000, 60_000) + png_image()[24:],
        b"\xff\xd8\xff\xe0" + b"\x00" * 40,
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 256 * 1024,
        png_image(1001, 1000),
        png_with(chunk(b"iCCP", b"name\0\0" + packed(20))),
        png_with(chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))),
        b"\x89PNG\r\n\x1a\n" + SVG,
        b"%PDF-1.7\n" + png_image(),
        b"<script>alert(1)</script>" + png_image(),
        JPEG_THAT_GROWS,
    ],
    ids=[
        *("svg", "gif", "empty", "head", "cut", "bomb", "jpeg", "heavy", "many pixels"),
        *("profile bomb", "two sizes", "svg behind a head", "pdf", "page", "jpeg of two sizes"),
    ],
)
def test_what_is_no_image_for_a_page_is_no_logo(content):
    with pytest.raises(LogoInvalid):
        read_logo(content)


@pytest.mark.parametrize(
    "content",
    [png_with(chunk(b"zTXt", b"name\0\0" + packed(20))), png_image() + SVG, png_image() + b"PK\3\4"],
    ids=["text bomb", "svg behind it", "zip behind it"],
)
def test_what_is_not_looked_at_in_an_image_does_nothing(content):
    company = set_logo(make_company(), content)

    document = invoice_document_file(make_issued(company).pk)

    assert bytes(document.content).startswith(b"%PDF-")
    assert len(document.content) < 100_000
    assert b"<script" not in bytes(document.content)


def test_a_logo_comes_as_base64_and_its_hash_goes_out():
    company = make_company()
    client = api_client(make_user("Admin", company))
    image = png_image()
    url = f"/api/companies/{company.pk}"

    added = client.patch(url, {"version": 1, "logo": base64.b64encode(image).decode()})
    removed = client.patch(url, {"version": 2, "logo": None})

    assert added.json()["logoSha256"] == sha256(image).hexdigest()
    assert removed.json()["logoSha256"] == ""


@pytest.mark.parametrize(("logo", "code"), [("???", "invalid_base64"), (7, "invalid_base64"), ("AAAA", "logo_invalid")])
def test_a_logo_that_is_none_is_refused_by_its_field(logo, code):
    company = make_company()

    reply = api_client(make_user("Admin", company)).patch(f"/api/companies/{company.pk}", {"version": 1, "logo": logo})

    assert reply.status_code == 400
    assert code in reply.content.decode()
    assert Company.objects.get(pk=company.pk).version == 1


def test_settings_of_documents_have_defaults_and_can_be_changed():
    company = make_company()
    client = api_client(make_user("Admin", company))
    url = f"/api/companies/{company.pk}"
    names = ("language", "paper", "colour", "footer")

    before = client.get(url).json()
    changed = {"language": "af", "paper": "letter", "colour": "#0E7478", "footer": "Directors: A. Botha"}
    after = client.patch(url, {"version": 1, **changed}).json()

    assert [before[name] for name in names] == ["en", "a4", "#1b2430", ""]
    assert [after[name] for name in names] == ["af", "letter", "#0e7478", "Directors: A. Botha"]


@pytest.mark.parametrize(
    "details", [{"language": "xx"}, {"paper": "a3"}, {"colour": "red"}, {"colour": "#12345"}, {"colour": "#12345g"}]
)
def test_a_setting_that_cannot_be_printed_is_refused(details):
    with pytest.raises(PartyInvalid):
        update_company(actor=SYSTEM, company_id=make_company().pk, **details)


def test_a_customer_may_have_a_language_of_its_own_or_the_company_s():
    customer = make_customer(make_company(), language="fr")

    assert customer.language == "fr"
    assert update_customer(actor=SYSTEM, customer_id=customer.pk, language=None).language is None
    with pytest.raises(PartyInvalid):
        update_customer(actor=SYSTEM, customer_id=customer.pk, language="it")


@pytest.mark.parametrize("iban", [IBAN, "de89 3704 0044 0532 0130 00"])
def test_an_iban_is_kept_without_its_spaces(iban):
    account = create_bank_account(
        actor=SYSTEM, company_id=make_company().pk, currency="EUR", iban=iban, bic="cobadeffxxx"
    )

    assert (account.iban, account.bic) == (IBAN, "COBADEFFXXX")


@pytest.mark.parametrize(
    "details",
    [
        {"iban": "DE89370400440532013001"},
        {"iban": IBAN, "bic": "COBA"},
        {"iban": IBAN, "account_number": "62812345"},
        {},
        {"account_number": "62/8"},
        {"account_number": "62812345", "branch_code": "<b>"},
        {"account_number": "62812345", "secret": "x"},
    ],
)
def test_an_account_that_no_bank_would_find_is_refused(details):
    with pytest.raises(BankAccountInvalid):
        create_bank_account(actor=SYSTEM, company_id=make_company().pk, currency="EUR", **details)

    assert not BankAccount.objects.exists()


def test_a_currency_has_one_account_in_a_company():
    company = make_company()
    make_bank_account(company)
    make_bank_account(company, currency="USD")
    make_bank_account(make_company())

    with pytest.raises(ConstraintBroken) as refusal:
        make_bank_account(company, account_number="777777")

    assert refusal.value.constraint_code == "bank_account_exists"


def test_an_account_changes_to_an_iban_only_as_a_whole():
    account = make_bank_account(make_company())

    with pytest.raises(BankAccountInvalid):
        update_bank_account(actor=SYSTEM, bank_account_id=account.pk, iban=IBAN)
    changed = update_bank_account(
        actor=SYSTEM, bank_account_id=account.pk, iban=IBAN, account_number="", branch_code=""
    )

    assert (changed.iban, changed.account_number) == (IBAN, "")


def test_the_history_keeps_an_account_that_was_taken_away():
    account = make_bank_account(make_company())

    delete_bank_account(actor=SYSTEM, bank_account_id=account.pk)

    versions = history_model(BankAccount).objects.filter(id=account.pk).order_by("version")
    assert [version.history_type for version in versions] == ["+", "-"]
    assert list(faults()) == []


def test_accounts_are_kept_over_rest():
    company = make_company()
    client = api_client(make_user("Admin", company))
    url = "/api/bank-accounts"

    made = client.post(url, {"currency": "EUR", "iban": IBAN})
    address = f"/api/bank-accounts/{made.json()['id']}"
    changed = client.patch(address, {"version": 1, "bankName": "Zweitbank"})
    listed = client.get(f"{url}?pageSize=10").json()["results"]
    gone = client.delete(f"{address}?version=2")

    assert (made.status_code, made.headers["Location"].endswith(address)) == (201, True)
    assert changed.json()["bankName"] == "Zweitbank"
    assert [(row["currency"], row["iban"], row["version"]) for row in listed] == [("EUR", IBAN, 2)]
    assert gone.status_code == 204
    assert client.get(address).status_code == 404


def test_the_admin_changes_logo_settings_and_accounts():
    company = make_company()
    browser = Client()
    browser.force_login(make_user("Admin", company))
    page = f"/admin/parties/company/{company.pk}/logo/"
    account = {"company": company.pk, "currency": "EUR", "iban": IBAN, "form_token": "x"}

    shown = browser.get(page)
    refused = browser.post(page, {"version": 1, "logo": SimpleUploadedFile("logo.png", SVG)})
    kept = browser.post(page, {"version": 1, "logo": SimpleUploadedFile("logo.svg", png_image())})
    added = browser.post("/admin/parties/bankaccount/add/", account)

    assert 'enctype="multipart/form-data"' in shown.content.decode()
    assert "A logo is a PNG or JPEG" in refused.content.decode()
    assert (kept.status_code, added.status_code) == (302, 302)
    assert Company.objects.get(pk=company.pk).logo_sha256 == sha256(png_image()).hexdigest()
    assert BankAccount.objects.get().iban == IBAN


@pytest.mark.parametrize("role", ["Finance", "Viewer", "Auditor"])
def test_who_does_not_run_the_company_only_reads_its_accounts_in_the_admin(role):
    company = make_company()
    account = make_bank_account(company)
    browser = Client()
    browser.force_login(make_user(role, company))

    assert browser.get(f"/admin/parties/bankaccount/{account.pk}/change/").status_code == 200
    assert browser.get("/admin/parties/bankaccount/add/").status_code == 403
    assert browser.get(f"/admin/parties/company/{company.pk}/logo/").status_code == 403
