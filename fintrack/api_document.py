"""What the OpenAPI document says of single operations: their tags, the refusals to expect, and an example of each.

The examples are in ``api_examples.json``. They are replies that were given: ``fintrack/tests/test_api_examples.py``
plays them against the program and compares every value that does not differ from run to run.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).with_name("api_examples.json")

DESCRIPTION = """Invoices and payments, exact to the cent, every change recorded.

* Sign in with `POST /api/auth/login` and send `Authorization: Bearer ACCESS` with everything else.
* Money is a string with the currency's own number of decimals; requests may send strings or numbers.
* Documents have a `version`, which is also their ETag. Send the one you read: a stale one is a 409 and changes nothing.
* Send an `Idempotency-Key` with a POST, and repeat it when the reply gets lost; try a command with `?dryRun=true`.
* Lists are pages: follow `next`.
* Every error is an `application/problem+json` document. Decide by its `code`: each operation names its own, beside
  `invalid`, `required`, `unknown_field` and the like, which `errors` gives for each field.
"""

TAGS = {
    "auth": "Signing in, tokens and passwords. An access token lives for minutes, a refresh token is good once.",
    "invoices": "Documents from draft to paid: what is billed, its VAT, and its history.",
    "recurring-invoices": "What is billed again and again: every month, each quarter, until it ends.",
    "payments": "The ledger: payments, refunds and reversals. Entries are added, never changed.",
    "credit-notes": "What is taken back of an issued invoice, whole or by lines and quantities.",
    "currencies": "What a currency is worth in another, day by day, for each company.",
    "customers": "Whom you bill.",
    "reports": "What the books add up to, for each company and currency.",
    "audit": "Who changed what, when, from what to what. For Admins and Auditors.",
    "events": "What happened in a company, in an order that never changes: for programs that follow it.",
    "companies": "Who bills: currency, time zone, VAT settings and the period lock.",
    "users": "The people of your companies and their roles. For Admins.",
}

VALUES = ("amount_invalid", "amount_too_precise", "amount_too_large", "text_invalid")
DRAFT = (
    *VALUES,
    "customer_unknown",
    "customer_archived",
    "item_invalid",
    "vat_rate_invalid",
    "discount_invalid",
    "date_invalid",
    "due_before_issue",
    "unknown_currency",
    "external_id_taken",
)
RECURRING = (
    *(code for code in DRAFT if code not in ("due_before_issue", "external_id_taken")),
    "recurring_invalid",
    "placeholder_unknown",
    "too_many_due",
)
MONEY = (*VALUES, "wrong_status", "payment_invalid", "duplicate_reference", "paid_in_future", "period_locked")
LIST = ("invalid_parameter", "unknown_parameter")
PARTY = ("party_invalid", "text_invalid")
PERIOD = ("date_invalid", "from_after_to", "unknown_parameter", "unknown_currency", "too_many_rows")

REFUSALS: dict[str, tuple[str, ...]] = {
    "signIn": ("sign_in_refused", "otp_required", "otp_invalid", "otp_setup_required", "too_many_attempts"),
    "refreshTokens": ("refresh_refused",),
    "signOut": ("refresh_refused",),
    "changePassword": ("password_wrong", "password_weak", "too_many_attempts"),
    "confirmPasswordReset": ("reset_link_refused", "password_weak"),
    "registerUser": ("email_taken", "email_invalid", "role_unknown", "password_weak"),
    "updateUser": ("role_unknown", "duplicate_company", "last_admin", "version_required", "stale_version"),
    "createCompany": (*PARTY, "unknown_currency", "vat_rate_invalid"),
    "updateCompany": (*PARTY, "unknown_currency", "vat_rate_invalid", "version_required", "stale_version"),
    "createCustomer": (*PARTY, "company_required", "external_id_taken"),
    "updateCustomer": (*PARTY, "external_id_taken", "version_required", "stale_version"),
    "deleteCustomer": ("customer_in_use", "stale_version"),
    "createInvoice": (*DRAFT, "company_required", "customer_ambiguous"),
    "bulkInvoices": ("company_required",),
    "updateInvoice": (*DRAFT, "wrong_status", "version_required", "stale_version"),
    "deleteInvoice": ("wrong_status", "version_required", "stale_version"),
    "issueInvoice": (
        "wrong_status",
        "invoice_without_lines",
        "due_before_issue",
        "period_locked",
        "no_exchange_rate",
        "rate_invalid",
        "amount_too_large",
        "stale_version",
    ),
    "cancelInvoice": ("wrong_status", "has_payments", "period_locked", "stale_version"),
    "createRecurringInvoice": (*RECURRING, "company_required"),
    "updateRecurringInvoice": (*RECURRING, "version_required", "stale_version"),
    "deleteRecurringInvoice": ("recurring_in_use", "version_required", "stale_version"),
    "pauseRecurringInvoice": ("wrong_status", "stale_version"),
    "resumeRecurringInvoice": ("wrong_status", "stale_version"),
    "endRecurringInvoice": ("wrong_status", "stale_version"),
    "runRecurringInvoice": (*RECURRING, "wrong_status", "period_locked", "stale_version"),
    "listRecurringInvoices": LIST,
    "createInvoiceLink": ("wrong_status", "stale_version"),
    "sendInvoice": ("wrong_status", "no_email_address", "message_waiting", "stale_version"),
    "recordBounce": ("not_returnable", "reason_missing"),
    "createStatementRun": ("month_not_over", "company_required"),
    "createExchangeRate": ("rate_invalid", *VALUES, "company_required"),
    "importExchangeRates": ("rate_file_invalid", "text_invalid", "company_required"),
    "listExchangeRates": LIST,
    "applyPayment": (*MONEY, "payment_exceeds_outstanding", "stale_version"),
    "receivePayment": (
        *MONEY,
        "allocation_invalid",
        "remainder_unassigned",
        "customer_unknown",
        "unknown_currency",
        "payment_exceeds_outstanding",
    ),
    "allocateCredit": (
        *VALUES,
        "wrong_status",
        "payment_invalid",
        "credit_exceeded",
        "payment_exceeds_outstanding",
        "period_locked",
        "stale_version",
    ),
    "undoAllocation": ("already_reversed", "reason_missing", "period_locked", "stale_version"),
    "refundCredit": (
        *VALUES,
        "payment_invalid",
        "credit_exceeded",
        "reason_missing",
        "unknown_currency",
        "paid_in_future",
        "paid_before_payment",
        "period_locked",
        "stale_version",
    ),
    "writeOff": (
        *VALUES,
        "wrong_status",
        "payment_invalid",
        "payment_exceeds_outstanding",
        "reason_missing",
        "period_locked",
        "stale_version",
    ),
    "reinstate": ("not_reversible", "reason_missing", "period_locked", "stale_version"),
    "listCreditEntries": LIST,
    "refundPayment": (*MONEY, "refund_exceeds_paid", "paid_before_payment", "stale_version"),
    "reversePayment": (
        "wrong_status",
        "not_reversible",
        "already_reversed",
        "duplicate_reference",
        "paid_in_future",
        "paid_before_payment",
        "period_locked",
        "stale_version",
    ),
    "listInvoices": LIST,
    "issueCreditNote": (
        *VALUES,
        "wrong_status",
        "credit_note_invalid",
        "credit_exceeds_invoice",
        "credit_exceeds_outstanding",
        "nothing_to_credit",
        "period_locked",
        "stale_version",
    ),
    "listPayments": LIST,
    "listCreditNotes": LIST,
    "listCustomers": LIST,
    "listCompanies": LIST,
    "listUsers": LIST,
    "listAuditEntries": LIST,
    "listStatementRuns": LIST,
    "listStatementRunResults": LIST,
    "getInvoice": ("moment_in_future",),
    "reportRevenue": PERIOD,
    "reportVat": PERIOD,
    "reportOutstanding": PERIOD,
    "reportAging": PERIOD,
    "reportNumbers": ("company_required", "too_many_rows"),
}
"""Operation -> the codes with which it is refused, beside those that every operation shares."""


def name_report_formats(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The document with one name for the formats of all reports, which only parameters have (a hook, too)."""
    parameters = result["paths"]["/api/reports/revenue"]["get"]["parameters"]
    formats = next(parameter["schema"] for parameter in parameters if parameter["name"] == "format")
    result["components"]["schemas"]["ReportFormat"] = {"type": "string", "enum": formats["enum"]}
    return result


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The document with its tags, refusals and examples (a hook of drf-spectacular)."""
    result["info"]["description"] = DESCRIPTION
    result["tags"] = [{"name": name, "description": description} for name, description in TAGS.items()]
    for operations in result["paths"].values():
        for operation in operations.values():
            _add_refusals(operation)
            _add_examples(operation, examples().get(operation["operationId"], {}))
    for name, example in examples().get("problems", {}).items():
        content = result["components"]["responses"][name]["content"]
        content["application/problem+json"]["example"] = example["reply"]
    return result


@cache
def examples() -> dict[str, Any]:
    """Operation -> name of the example -> request (where there is a body) and reply (where there is one)."""
    found: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return found


def _add_refusals(operation: dict[str, Any]) -> None:
    codes = REFUSALS.get(operation["operationId"], ())
    if codes:
        operation["description"] += "\n\nRefused with " + ", ".join(f"`{code}`" for code in codes) + "."


def _add_examples(operation: dict[str, Any], cases: dict[str, Any]) -> None:
    replies = [reply for status, reply in operation["responses"].items() if status.startswith("2")]
    for part, message in (("request", operation.get("requestBody", {})), *(("reply", reply) for reply in replies)):
        values = {name: {"value": case[part]} for name, case in cases.items() if case.get(part) is not None}
        content = message.get("content", {}).get("application/json")
        if content and values:
            content["examples"] = values
