"""The triggers that write what a change adds to the sums (`reports.models`), for both databases.

They are installed and checked together with those that record the change (`audit.triggers`).
"""

from collections.abc import Mapping
from typing import Any

from audit.triggers import FurtherTriggers
from credits.models import CreditNote
from invoices.lifecycle import Status
from invoices.models import OPEN_STATUSES, Invoice
from payments.accounts.rules import AccountKind
from payments.ledger import Kind
from payments.models import AccountEntry, Payment
from reports.models import WaitingEntry, WaitingInvoice, WaitingNote

INVOICES, ENTRIES, NOTES = Invoice._meta.db_table, Payment._meta.db_table, CreditNote._meta.db_table
CREDIT = AccountEntry._meta.db_table
"""The movements of the credit of customers: what is left over of a receipt and what is given back is money, too."""
WAITING_INVOICES, WAITING_ENTRIES = WaitingInvoice._meta.db_table, WaitingEntry._meta.db_table
WAITING_NOTES = WaitingNote._meta.db_table

KEYS = ("company_id", "customer_id", "currency", "issue_date", "due_date")
IS_OPEN = "{{row}}.status IN ({})".format(", ".join(f"'{status.value}'" for status in OPEN_STATUSES))
IS_ISSUED = "{row}.issued_at IS NOT NULL AND {row}.cancelled_at IS NULL"
IS_DRAFT = f"{{row}}.status = '{Status.DRAFT.value}'"


def units(amount: str) -> str:
    """The amount in whole ten-thousandths."""
    return f"CAST(round(({amount}) * 10000) AS bigint)"


OWED = units("{row}.total - {row}.paid - {row}.credited")
TOTAL = units("{row}.total")
SUMS: Mapping[str, str] = {
    "open_documents": f"CASE WHEN {IS_OPEN} THEN 1 ELSE 0 END",
    "owed": f"CASE WHEN {IS_OPEN} THEN {OWED} ELSE 0 END",
    "issued_documents": f"CASE WHEN {IS_ISSUED} THEN 1 ELSE 0 END",
    "invoiced": f"CASE WHEN {IS_ISSUED} THEN {TOTAL} ELSE 0 END",
    "drafts": f"CASE WHEN {IS_DRAFT} THEN 1 ELSE 0 END",
    "drafted": f"CASE WHEN {IS_DRAFT} THEN {TOTAL} ELSE 0 END",
}
"""What one document adds to each sum, in the state of `row`."""

ENTRY_COLUMNS = ("company_id", "currency", "time_zone", "day", "received", "returned")
ZONE = "(SELECT time_zone FROM parties_company WHERE id = {row}.company_id)"
DAY = {
    "postgresql": f"CAST({{row}}.paid_at AT TIME ZONE {ZONE} AS date)",
    "sqlite": f"django_datetime_cast_date({{row}}.paid_at, {ZONE}, 'UTC')",
}
CAME = ", ".join(f"'{kind.value}'" for kind in (Kind.PAYMENT, AccountKind.OVERPAYMENT))
RECEIVED = f"CASE WHEN {{row}}.kind IN ({CAME}) THEN {units('{row}.amount')} ELSE 0 END"
WENT_BACK = ", ".join(f"'{kind.value}'" for kind in (Kind.REFUND, Kind.REVERSAL))
RETURNED = f"CASE WHEN {{row}}.kind IN ({WENT_BACK}) THEN {units('{row}.amount')} ELSE 0 END"


def entry_values(vendor: str, row: str) -> str:
    """What the entry `row` adds, under the names of ENTRY_COLUMNS."""
    values = ("{row}.company_id", "{row}.currency", ZONE, DAY[vendor], RECEIVED, RETURNED)
    return ", ".join(f"{value.format(row=row)} AS {name}" for name, value in zip(ENTRY_COLUMNS, values, strict=True))


def _added(row: str, keys_of: str, *, sign: str = "", before: str = "") -> str:
    """A row that adds the sums of `row` (times `sign`), less those of `before`."""
    sums = (
        f"{sign}({expression.format(row=row)})" + (f" - ({expression.format(row=before)})" if before else "")
        for expression in SUMS.values()
    )
    columns = ", ".join(("invoice_id", *KEYS, *SUMS))
    values = ", ".join((f"{keys_of}.id", *(f"{keys_of}.{key}" for key in KEYS), *sums))
    return f"INSERT INTO {WAITING_INVOICES} ({columns}) SELECT {values}"


def _differ(columns: tuple[str, ...]) -> str:
    return "(" + " OR ".join(f"NEW.{column} <> OLD.{column}" for column in columns) + ")"


SAME_KEYS = f"NOT {_differ(KEYS)}"
# Whether a document is issued or cancelled shows in its status, too.
CHANGED = _differ((*KEYS, "status", "total", "paid", "credited"))
ADD_NEW, TAKE_OLD = _added("NEW", "NEW"), _added("OLD", "OLD", sign="-")
ADD_DIFFERENCE = _added("NEW", "NEW", before="OLD")

ON_INVOICE = f"""
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NOT ({CHANGED}) THEN
      RETURN NULL;
    ELSIF {SAME_KEYS} THEN
      {ADD_DIFFERENCE};
      RETURN NULL;
    END IF;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    {TAKE_OLD};
  END IF;
  IF TG_OP <> 'DELETE' THEN
    {ADD_NEW};
  END IF;
  RETURN NULL;
END
"""


def _add_entry(vendor: str) -> str:
    # An entry of no company has no calendar; its foreign key refuses it when the transaction ends.
    has_company = "EXISTS (SELECT 1 FROM parties_company WHERE id = NEW.company_id)"
    columns = ", ".join(ENTRY_COLUMNS)
    return f"INSERT INTO {WAITING_ENTRIES} ({columns}) SELECT {entry_values(vendor, 'NEW')} WHERE {has_company}"


ON_ENTRY = f"""
BEGIN
  {_add_entry("postgresql")};
  RETURN NULL;
END
"""


# A note is never changed, nor are its lines, which come after it in the same transaction.
ADD_NOTE = (
    f"INSERT INTO {WAITING_NOTES} (company_id, note_id, currency, issue_date, credited) "
    f"SELECT NEW.company_id, NEW.id, NEW.currency, NEW.issue_date, {units('NEW.total')}"
)

ON_NOTE = f"""
BEGIN
  {ADD_NOTE};
  RETURN NULL;
END
"""


def _sqlite(name: str, event: str, table: str, body: str, when: str = "") -> tuple[str, str]:
    condition = f" WHEN {when}" if when else ""
    return name, f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW{condition}\nBEGIN\n{body}END"


def summing_triggers() -> FurtherTriggers:
    """An entry or a credit note is never changed nor deleted, so that only its insertion counts."""
    return FurtherTriggers(
        tables=frozenset(
            {INVOICES, ENTRIES, CREDIT, NOTES, WAITING_INVOICES, WAITING_ENTRIES, WAITING_NOTES, "parties_company"}
        ),
        functions={"fintrack_sum_invoice": ON_INVOICE, "fintrack_sum_entry": ON_ENTRY, "fintrack_sum_note": ON_NOTE},
        postgresql={
            (INVOICES, "fintrack_sum"): (
                f"AFTER INSERT OR UPDATE OR DELETE ON {INVOICES} FOR EACH ROW EXECUTE FUNCTION fintrack_sum_invoice()"
            ),
            (ENTRIES, "fintrack_sum"): f"AFTER INSERT ON {ENTRIES} FOR EACH ROW EXECUTE FUNCTION fintrack_sum_entry()",
            (NOTES, "fintrack_sum"): f"AFTER INSERT ON {NOTES} FOR EACH ROW EXECUTE FUNCTION fintrack_sum_note()",
            (CREDIT, "fintrack_sum"): f"AFTER INSERT ON {CREDIT} FOR EACH ROW EXECUTE FUNCTION fintrack_sum_entry()",
        },
        sqlite=dict(
            [
                _sqlite("fintrack_sum_added", "INSERT", INVOICES, f"  {ADD_NEW};\n"),
                _sqlite("fintrack_sum_deleted", "DELETE", INVOICES, f"  {TAKE_OLD};\n"),
                _sqlite(
                    "fintrack_sum_changed",
                    "UPDATE",
                    INVOICES,
                    f"  {ADD_DIFFERENCE} WHERE {SAME_KEYS};\n"
                    f"  {TAKE_OLD} WHERE {_differ(KEYS)};\n  {ADD_NEW} WHERE {_differ(KEYS)};\n",
                    when=CHANGED,
                ),
                _sqlite("fintrack_sum_note", "INSERT", NOTES, f"  {ADD_NOTE};\n"),
                _sqlite("fintrack_sum_entry", "INSERT", ENTRIES, f"  {_add_entry('sqlite')};\n"),
                _sqlite("fintrack_sum_credit", "INSERT", CREDIT, f"  {_add_entry('sqlite')};\n"),
            ]
        ),
    )


def install_on_postgresql(schema_editor: Any) -> None:
    """Install these triggers alone, while the others of the database are those of older models."""
    own = summing_triggers()
    for name, body in own.functions.items():
        schema_editor.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body${body}$body$", params=None
        )
    for (_, name), definition in own.postgresql.items():
        schema_editor.execute(f"CREATE OR REPLACE TRIGGER {name} {definition}", params=None)
