"""The page of an invoice as it was: which moment somebody asks for, and what the template shows of it."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from core.errors import DomainError
from invoices.history import past_invoice
from invoices.models import Invoice
from invoices.selectors import explained

VERSION = re.compile("[1-9][0-9]{0,8}")
UNREADABLE = "Give a day such as 2026-03-01, or a moment such as 2026-03-01T12:00."


def past_context(invoice: Invoice, asked: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows: the invoice of ``?version=``, or of ``?asOf=`` where the company is; else that of now.

    `invoice` is the document as it is, read with its payments. Where it was not there then, or the question cannot be
    read, `refusal` says so, and the invoice is shown as it is.
    """
    moment, refusal = None, ""
    then = invoice
    try:
        moment = _moment(asked.get("asOf", ""), invoice)
        version = _version(asked.get("version", ""))
        if moment is not None or version is not None:
            then = past_invoice(invoice, version=None if moment else version, as_of=moment)
    except DomainError as error:
        refusal = error.detail
    except ValueError:
        refusal = UNREADABLE
    return {
        "title": f"{invoice} as it was",
        "invoice": then,
        "present": invoice,
        "object": invoice,
        "refusal": refusal,
        "as_of": asked.get("asOf", ""),
        "is_moment": isinstance(moment, datetime),
        "moment": moment,
        "entry": then.change,
        "previous_version": then.version - 1,
        "next_version": then.version + 1 if then.version < invoice.version else None,
        "has_line_discounts": any(line.discount_percent or line.discount_amount for line in then.lines.all()),
        "explanation": explained(then),
    }


def _version(text: str) -> int | None:
    if text and not VERSION.fullmatch(text):
        raise ValueError(text)
    return int(text) if text else None


def _moment(text: str, invoice: Invoice) -> datetime | date | None:
    """The moment or the day that somebody typed; where no zone is named, it is the company's."""
    if not text:
        return None
    if len(text) == len("2026-03-01"):
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=invoice.company.zone)
