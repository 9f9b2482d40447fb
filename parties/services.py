"""The verbs of companies and customers.

Errors: NotFound, PartyInvalid, LogoInvalid, BankAccountInvalid, PeriodLocked, CustomerInUse, UnknownCurrency,
StaleVersion, and bank_account_exists from the constraint of that name.
"""

import re
import zoneinfo
from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models import ProtectedError
from stdnum import bic, iban
from stdnum.exceptions import ValidationError as StandardNumberInvalid

from audit.actors import Actor
from audit.models import Change
from audit.services import recording, require_version, write_version
from core.database import KEYS, locked
from core.errors import DomainError
from core.model_fields import AMOUNT_DECIMALS
from core.money import exact, minor_units
from core.text import clean_external_id, clean_metadata, clean_text, search_text
from parties.images import read_logo
from parties.models import BankAccount, Company, CompanyLogo, Customer, Language, Paper, Party, VatRounding


class PartyInvalid(DomainError):
    """A detail of a company or customer cannot be right."""

    code = "party_invalid"
    title = "Not acceptable"


class PeriodLocked(DomainError):
    """The books of that day are closed."""

    code = "period_locked"
    title = "Period locked"


class CustomerInUse(DomainError):
    """A customer with documents is never deleted: its documents would lose their party."""

    code = "customer_in_use"
    title = "Customer in use"
    default_detail = "This customer has documents and cannot be deleted. Archive it instead."


class BankAccountInvalid(DomainError):
    """No bank would find this account."""

    code = "bank_account_invalid"
    title = "Not an account"


PRINT_FIELDS = frozenset({"language", "paper", "colour", "footer"})
COMPANY_FIELDS = PRINT_FIELDS | {
    "registration_number",
    "currency",
    "time_zone",
    "default_vat_rate",
    "payment_days",
    "vat_rounding",
    "logo",
}
CUSTOMER_FIELDS = frozenset({"archived", "external_id", "metadata", "language"})
ACCOUNT_FIELDS = ("currency", "account_holder", "bank_name", "iban", "bic", "account_number", "branch_code")
COLOUR = re.compile(r"#[0-9a-f]{6}")
BRANCH_CODE = re.compile(r"[0-9A-Z -]{1,20}")
ACCOUNT_NUMBER = re.compile(r"[0-9A-Z -]{4,34}")

_followers_of_names: list[Callable[[Customer], None]] = []


def on_new_name(follow: Callable[[Customer], None]) -> None:
    """Let `follow` run with each renamed customer, in the transaction of the command, before it commits."""
    _followers_of_names.append(follow)


def create_company(*, actor: Actor, name: str, currency: str, **details: Any) -> Company:
    """A new company. `details` are columns of Company.

    Its journal entry names no company: the company's own id is not known before it is made.
    """
    values = _clean_company({"name": name, "currency": currency, **details})
    with transaction.atomic(), recording(actor=actor, action="company.created") as change:
        return Company.objects.create(**values, change=change)


def update_company(*, actor: Actor, company_id: int, version: int | None = None, **details: Any) -> Company:
    """The company with `details` changed: columns of Company, and `logo`, the bytes of an image (None takes it away).

    Issued documents keep the logo and the looks that they were issued with.
    """
    values = _clean_company(details)
    has_logo, logo = "logo" in values, values.pop("logo", None)
    picture = read_logo(logo) if logo else None
    with transaction.atomic():
        company = locked(Company.objects.all(), pk=company_id)
        require_version(company, version)
        with recording(actor=actor, action="company.updated", company_id=company.pk) as change:
            if has_logo:
                values["logo_sha256"] = _keep_logo(company, logo, picture.media_type, change) if picture else None
            write_version(company, change=change, **values)
    return company


def create_bank_account(*, actor: Actor, company_id: int, currency: str, **details: Any) -> BankAccount:
    """Where `company_id` is to be paid in `currency`. `details` are columns of BankAccount.

    Raises BankAccountInvalid, and ConstraintBroken where the currency has an account already.
    """
    values = _clean_bank_account({"currency": currency, **details})
    with (
        transaction.atomic(),
        recording(actor=actor, action="bank_account.created", company_id=company_id) as change,
    ):
        _require_whole_account(values)
        return BankAccount.objects.create(company_id=company_id, **values, change=change)


def update_bank_account(
    *, actor: Actor, bank_account_id: int, version: int | None = None, **details: Any
) -> BankAccount:
    """The account with `details` changed. Issued documents keep the account they were issued with."""
    values = _clean_bank_account(details)
    with transaction.atomic():
        account = locked(BankAccount.objects.all(), pk=bank_account_id)
        require_version(account, version)
        _require_whole_account({name: values.get(name, getattr(account, name)) for name in ACCOUNT_FIELDS})
        with recording(actor=actor, action="bank_account.updated", company_id=account.company_id) as change:
            write_version(account, change=change, **values)
    return account


def delete_bank_account(*, actor: Actor, bank_account_id: int, version: int | None = None) -> None:
    """Take the account off the documents to come; the history keeps it."""
    with transaction.atomic():
        account = locked(BankAccount.objects.all(), pk=bank_account_id)
        require_version(account, version)
        with recording(actor=actor, action="bank_account.deleted", company_id=account.company_id):
            account.delete()


def move_period_lock(
    *, actor: Actor, company_id: int, locked_through: date | None, reason: str, version: int | None = None
) -> Company:
    """The company with its books closed up to `locked_through` (None opens them). A reason is needed, and recorded."""
    reason = clean_text(reason, max_length=1000, field="reason")
    if not reason:
        raise PartyInvalid("Say why the lock moves.", field="reason")
    with transaction.atomic():
        company = locked(Company.objects.all(), pk=company_id)
        require_version(company, version)
        with recording(actor=actor, action="company.period_lock_moved", company_id=company.pk, reason=reason) as change:
            write_version(company, change=change, locked_through=locked_through)
    return company


def hold_company(company_id: int) -> Company:
    """The company as it is now, which nobody changes before the transaction ends. Many may hold it at once."""
    if connection.vendor == "sqlite":  # a writer is alone there
        return Company.objects.get(pk=company_id)
    return Company.objects.raw("SELECT * FROM parties_company WHERE id = %s FOR SHARE", [company_id])[0]


def require_open_period(company: Company, day: date, *, field: str | None = None) -> None:
    """Raise PeriodLocked (about `field`, where a person gave the day) if the books of `company` are closed on `day`."""
    if company.locked_through is not None and day <= company.locked_through:
        raise PeriodLocked(f"The books are closed up to {company.locked_through}; {day} is not after it.", field=field)


def create_customer(*, actor: Actor, company: Company, name: str, **details: Any) -> Customer:
    """A new customer of `company`. `details` are columns of Customer."""
    values = clean_customer({"name": name, **details})
    with transaction.atomic(), recording(actor=actor, action="customer.created", company_id=company.pk) as change:
        return Customer.objects.create(company=company, **values, change=change)


def update_customer(*, actor: Actor, customer_id: int, version: int | None = None, **details: Any) -> Customer:
    """The customer with `details` changed. Issued documents keep the details they were issued with."""
    values = clean_customer(details)
    with transaction.atomic():
        customer = locked(Customer.objects.all(), pk=customer_id)
        require_version(customer, version)
        is_renamed = customer.name != values.get("name", customer.name)
        with recording(actor=actor, action="customer.updated", company_id=customer.company_id) as change:
            write_version(customer, change=change, **values)
            if is_renamed:
                _tell_new_name(customer)
    return customer


def hold_customer(customer_id: int) -> Customer | None:
    """The customer as it is now, which nobody renames before the transaction ends; None where there is none."""
    return hold_customers([customer_id]).get(customer_id)


def hold_customers(customer_ids: Collection[int]) -> dict[int, Customer]:
    """The customers as they are now, by id, which nobody renames before the transaction ends.

    Many may hold one at once. The reference of a new document takes the same lock.
    """
    possible = sorted(customer_id for customer_id in customer_ids if customer_id in KEYS)
    if connection.vendor == "sqlite":  # a writer is alone there
        return Customer.objects.in_bulk(possible)
    statement = "SELECT * FROM parties_customer WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"
    return {customer.pk: customer for customer in Customer.objects.raw(statement, [possible])}


def delete_customer(*, actor: Actor, customer_id: int, version: int | None = None) -> None:
    """Delete a customer that no document names. Raises CustomerInUse otherwise."""
    with transaction.atomic():
        customer = locked(Customer.objects.all(), pk=customer_id)
        require_version(customer, version)
        with recording(actor=actor, action="customer.deleted", company_id=customer.company_id):
            try:
                customer.delete()
            except ProtectedError:
                raise CustomerInUse from None


def _tell_new_name(customer: Customer) -> None:
    for follow in _followers_of_names:
        follow(customer)


def _keep_logo(company: Company, content: bytes, media_type: str, change: Change) -> str:
    """The hash of the image, which is kept once however often it is chosen."""
    digest = sha256(content).hexdigest()
    if not CompanyLogo.objects.filter(company=company, sha256=digest).exists():
        CompanyLogo.objects.create(
            company=company, sha256=digest, media_type=media_type, content=content, change=change
        )
    return digest


def _clean_company(details: Mapping[str, Any]) -> dict[str, Any]:
    values = _clean_party(details, COMPANY_FIELDS)
    if "currency" in values:
        minor_units(values["currency"])
    if "time_zone" in values and values["time_zone"] not in zoneinfo.available_timezones():
        raise PartyInvalid(
            f"{values['time_zone']!r} is no time zone; use a name such as Africa/Johannesburg.", field="time_zone"
        )
    if "default_vat_rate" in values:
        values["default_vat_rate"] = _fraction(values["default_vat_rate"])
    if "vat_rounding" in values and values["vat_rounding"] not in VatRounding.values:
        raise PartyInvalid("VAT is rounded by document or by line.", field="vat_rounding")
    _clean_print_settings(values)
    if not 0 <= values.get("payment_days", 0) <= 3650:
        raise PartyInvalid("Payment days run from 0 to 3650.", field="payment_days")
    return values


def _clean_print_settings(values: dict[str, Any]) -> None:
    """Check language, paper, colour and footer in place; what is empty is the default."""
    for name, choices in (("language", Language), ("paper", Paper)):
        if values.get(name) and values[name] not in choices.values:
            raise PartyInvalid(f"Choose one of: {', '.join(choices.values)}.", field=name)
    if values.get("colour"):
        values["colour"] = values["colour"].lower()
        if not COLOUR.fullmatch(values["colour"]):
            raise PartyInvalid("A colour is written #RRGGBB, such as #1b2430.", field="colour")
    if values.get("footer"):
        values["footer"] = clean_text(values["footer"], max_length=500, field="footer")
    for name in PRINT_FIELDS & values.keys():
        values[name] = values[name] or None


def _clean_bank_account(details: Mapping[str, Any]) -> dict[str, Any]:
    """`details` trimmed, IBAN and BIC checked (ISO 13616, ISO 9362). Raises BankAccountInvalid, UnknownCurrency."""
    unknown = set(details) - set(ACCOUNT_FIELDS)
    if unknown:
        raise BankAccountInvalid(f"There is no {sorted(unknown)[0]} here.", field=sorted(unknown)[0])
    values = {name: clean_text(value, max_length=200, field=name) for name, value in details.items()}
    if "currency" in values:
        minor_units(values["currency"])
    for name, standard in (("iban", iban), ("bic", bic)):
        if values.get(name):
            values[name] = _standard_number(name, standard, values[name])
    for name, pattern in (("account_number", ACCOUNT_NUMBER), ("branch_code", BRANCH_CODE)):
        if values.get(name) and not pattern.fullmatch(values[name].upper()):
            raise BankAccountInvalid("Digits, letters, spaces and hyphens are possible here.", field=name)
    return values


def _standard_number(name: str, standard: Any, value: str) -> str:
    try:
        return str(standard.validate(value))
    except StandardNumberInvalid:
        raise BankAccountInvalid(f"{value!r} is no {name.upper()}.", field=name) from None


def _require_whole_account(values: Mapping[str, Any]) -> None:
    """Raise BankAccountInvalid unless there is an IBAN or an account number, not both."""
    if bool(values.get("iban")) == bool(values.get("account_number")):
        raise BankAccountInvalid("Give an IBAN or an account number, not both.", field="iban")


def clean_customer(details: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a customer. Raises PartyInvalid, TextInvalid."""
    values = _clean_party(details, CUSTOMER_FIELDS)
    if "external_id" in values:
        values["external_id"] = clean_external_id(values["external_id"])
    _clean_print_settings(values)
    if "metadata" in values:
        values["metadata"] = clean_metadata(values["metadata"])
    if "name" in values:
        values["search_text"] = search_text(values["name"])
    return values


def _clean_party(details: Mapping[str, Any], further_fields: frozenset[str]) -> dict[str, Any]:
    """`details` with its texts trimmed and checked against the columns. Raises PartyInvalid, TextInvalid."""
    text_fields = {field.name: field for field in Party._meta.fields if field.name not in ("version", "change")}
    unknown = set(details) - set(text_fields) - further_fields
    if unknown:
        raise PartyInvalid(f"There is no {sorted(unknown)[0]} here.", field=sorted(unknown)[0])
    values = dict(details)
    for name in text_fields.keys() & values.keys():
        values[name] = clean_text(values[name], max_length=text_fields[name].max_length or 200, field=name)
    if "name" in values and not values["name"]:
        raise PartyInvalid("A name is needed.", field="name")
    if values.get("email"):
        _require_email(values["email"])
    if values.get("country_code"):
        values["country_code"] = _country(values["country_code"])
    return values


def _require_email(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        raise PartyInvalid(f"{email!r} is no e-mail address.", field="email") from None


def _country(code: str) -> str:
    if not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise PartyInvalid("A country is its two letters in ISO 3166-1, such as ZA or DE.", field="country_code")
    return code.upper()


def _fraction(value: object) -> Decimal:
    rate = exact(value, decimals=AMOUNT_DECIMALS, field="default_vat_rate")
    if not 0 <= rate <= 1:
        raise PartyInvalid("A VAT rate is a fraction from 0 to 1: 0.15 is 15 %.", field="default_vat_rate")
    return rate
