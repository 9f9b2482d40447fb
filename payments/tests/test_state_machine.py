"""The promise: whatever people do in whatever order, each command does what the rules say, or nothing at all."""

import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from audit.actors import SystemActor
from audit.books import faults
from audit.models import Change, history_model, recorded_models
from core.errors import DomainError
from core.text import comparison_key
from currencies.tests.factories import make_rate
from invoices import services as invoices
from invoices.models import Invoice, NumberSeries
from parties.services import move_period_lock
from parties.tests.factories import make_company, make_customer
from payments import services as payments
from payments.ledger import spread_refund
from payments.tests.oracle import DECIMALS, Company, Discount, Document, Entry, Line, Refused, require

ACTORS = [SystemActor(f"user-{number}@example.test") for number in range(3)]
ISSUE_DATES = [date(2025, 12, 20), date(2026, 1, 10), date(2026, 2, 10)]


def numbers(*texts: str) -> st.SearchStrategy[Fraction]:
    return st.sampled_from([Fraction(text) for text in texts])


def mostly(common: list[Any], rare: list[Any]) -> st.SearchStrategy[Any]:
    """What the rules like four times in five, and what they may refuse."""
    return st.sampled_from([*common * len(rare) * 4, *rare * len(common)])


no_discount = st.just(Discount())
discounts = st.one_of(
    no_discount,
    no_discount,
    st.builds(Discount, percent=numbers("10", "33.3", "100")),
    st.builds(Discount, amount=numbers("1", "1", "0.5", "0.005", "100000")),
)
lines = st.lists(
    st.builds(
        Line,
        numbers("1", "3", "0.5", "0.333333"),
        numbers("100", "33.33", "1234.567", "9.99", "0.1", "0"),
        numbers("0.15", "0.15", "0", "0.05"),
        st.one_of(no_discount, no_discount, no_discount, discounts),
    ),
    max_size=3,
)
versions = mostly([None, "current"], ["stale", "future"])
which = st.sampled_from(range(60))
actors = st.sampled_from(ACTORS)
apt = mostly([True], [False])
shares = mostly(["half", "half", "unit", "all"], ["more", "zero", "negative", "too fine"])
references = mostly([""], ["R-1", " r-1", "\uff32-1", "R-2"])
moments = mostly([None], [date(2025, 12, 25), date(2026, 1, 15), date(2026, 2, 15), date(2999, 1, 1)])
locks = mostly([None, date(2025, 12, 31), date(2026, 1, 31)], [date(2999, 12, 31)])


ON_A_DOCUMENT = {"number": which, "apt": apt, "version": versions, "actor": actors}
WITH_MONEY = {**ON_A_DOCUMENT, "reference": references, "paid_at": moments}
IN_A_COMPANY = {"company": st.integers(0, 1), "actor": actors}
TERMS = {
    "lines": lines,
    "discount": discounts,
    "inclusive": st.booleans(),
    "currency": st.sampled_from(list(DECIMALS)),
}
# What people do: how often, and what they say with it.
VERBS: dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]] = {
    "create": (
        1,
        {
            **IN_A_COMPANY,
            **TERMS,
            "stranger": mostly([False], [True]),
            "issue_date": st.sampled_from(ISSUE_DATES),
            "days": mostly([0, 30], [-1]),
        },
    ),
    "edit": (2, {**ON_A_DOCUMENT, **{name: st.one_of(st.none(), values) for name, values in TERMS.items()}}),
    "delete": (1, ON_A_DOCUMENT),
    "issue": (1, ON_A_DOCUMENT),
    "cancel": (1, ON_A_DOCUMENT),
    "pay": (8, {**WITH_MONEY, "share": shares}),
    "refund": (6, {**WITH_MONEY, "share": shares, "named": st.one_of(st.none(), which)}),
    "reverse": (3, {**WITH_MONEY, "named": which}),
    "move_lock": (1, {**IN_A_COMPANY, "locked_through": locks}),
    "set_series": (1, {**IN_A_COMPANY, "year": st.sampled_from([2025, 2026]), "first": st.sampled_from([0, 1, 700])}),
}
WEIGHTED_VERBS = [verb for verb, (weight, _) in VERBS.items() for _ in range(weight)]
WITHOUT_A_DOCUMENT = ("create", "move_lock", "set_series")


def decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


def item(line: Line) -> invoices.Item:
    return invoices.Item(
        "Work",
        decimal(line.quantity),
        decimal(line.price),
        decimal(line.rate),
        discount_percent=decimal(line.discount.percent),
        discount_amount=decimal(line.discount.amount),
    )


def asked(share: str, whole: int, unit: int) -> Fraction:
    """An amount to ask for, where `whole` units are there."""
    units = {"all": whole, "half": -(-whole // 2), "unit": 1, "more": whole + 1, "zero": 0, "negative": -1}
    return Fraction(1, unit * 10) if share == "too fine" else Fraction(units[share], unit)


def record() -> tuple[tuple[int, ...], list[Any]]:
    """How long the journal and the histories are (no row changes without them), and the counters."""
    tables = [model._meta.db_table for model in [Change, *map(history_model, recorded_models())]]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables))
        lengths = cursor.fetchone()
    return lengths, list(NumberSeries.objects.order_by("id").values())


class Books(RuleBasedStateMachine):
    """Two companies, several people, and an oracle that knows what each command must do."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.documents: list[Document] = []

    def teardown(self) -> None:
        try:
            assert [str(fault) for fault in faults()] == []
            connection.check_constraints()
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    @initialize()
    def two_companies(self) -> None:
        kinds = [("Africa/Johannesburg", "document"), ("Pacific/Auckland", "line")]
        self.rows = [make_company(time_zone=zone, vat_rounding=rounding) for zone, rounding in kinds]
        self.companies = [Company(ZoneInfo(zone), rounding == "line") for zone, rounding in kinds]
        self.customers = [make_customer(row).pk for row in self.rows]
        for row in self.rows:
            for day in ISSUE_DATES:
                for currency in sorted(set(DECIMALS) - {row.currency}):
                    make_rate(row, currency, row.currency, "1", day)
        self.record = record()
        for company, currency in ((0, "ZAR"), (0, "JPY"), (1, "KWD")):
            self.issued(company, currency)

    def issued(self, company: int, currency: str) -> None:
        """An issued document to begin with."""
        self.create(
            company=company,
            stranger=False,
            lines=[Line(Fraction(3), Fraction(100), Fraction("0.15"))],
            discount=Discount(),
            inclusive=False,
            currency=currency,
            issue_date=ISSUE_DATES[-1],
            days=30,
            actor=ACTORS[0],
        )
        self.issue(number=len(self.documents) - 1, apt=False, version=None, actor=ACTORS[0])

    def command(self, predict: Callable[[], Any], act: Callable[..., Any], actor: SystemActor, **details: Any) -> Any:
        """Give the command; its result, or None where both oracle and program refuse it for the same reason.

        Nothing is recorded of a command that changes nothing (`predict` gives False).
        """
        is_idle = False
        try:
            is_idle = predict() is False
            expected = "done"
        except Refused as refusal:
            expected = refusal.code
        before = self.record
        try:
            result, outcome = act(actor=actor, **details), "done"
        except DomainError as error:
            result, outcome = None, getattr(error, "constraint_code", error.code)
        self.record = record()
        assert outcome == expected
        if outcome != "done":
            assert self.record == before
            return None
        if is_idle:
            assert self.record[0] == before[0]
            return result
        newest = Change.objects.order_by("id").last()
        assert newest is not None
        assert newest.actor == actor.actor_name
        assert self.record[0][0] == before[0][0] + 1
        return result

    def chosen(self, number: int, apt: bool, *statuses: str) -> Document:
        """A document; one in a status that the command takes, where that is wanted and there is one."""
        fitting = [document for document in self.documents if apt and document.status in statuses]
        documents = fitting or self.documents
        return documents[number % len(documents)]

    def version(self, document: Document, which_version: str | None) -> int | None:
        versions = {
            None: None,
            "current": document.version,
            "stale": document.version - 1,
            "future": document.version + 1,
        }
        return versions[which_version]

    @rule(data=st.data())
    def somebody_does_something(self, data: st.DataObject) -> None:
        verb = data.draw(st.sampled_from(WEIGHTED_VERBS))
        if self.documents or verb in WITHOUT_A_DOCUMENT:
            getattr(self, verb)(**data.draw(st.fixed_dictionaries(VERBS[verb][1])))

    # Documents

    def create(
        self,
        *,
        company: int,
        stranger: bool,
        lines: list[Line],
        discount: Discount,
        inclusive: bool,
        currency: str,
        issue_date: date,
        days: int,
        actor: SystemActor,
    ) -> None:
        due_date = date.fromordinal(issue_date.toordinal() + days)
        created: list[Document] = []

        def predict() -> None:
            document = Document(self.companies[company], currency, lines, discount, inclusive, issue_date, due_date)
            require(not stranger, "customer_unknown")
            created.append(document)

        result = self.command(
            predict,
            invoices.create_draft,
            actor,
            company=self.rows[company],
            customer_id=self.customers[company ^ stranger],
            items=[item(line) for line in lines],
            issue_date=issue_date,
            due_date=due_date,
            currency=currency,
            prices_include_vat=inclusive,
            discount_percent=decimal(discount.percent),
            discount_amount=decimal(discount.amount),
        )
        if result:
            created[0].id = result.pk
            self.documents += created

    def edit(
        self,
        *,
        number: int,
        apt: bool,
        version: str | None,
        lines: list[Line] | None,
        discount: Discount | None,
        inclusive: bool | None,
        currency: str | None,
        actor: SystemActor,
    ) -> None:
        document = self.chosen(number, apt, "Draft")
        wanted = {"lines": lines, "discount": discount, "inclusive": inclusive, "currency": currency}
        changes = {name: value for name, value in wanted.items() if value is not None}
        read = self.version(document, version)
        self.command(
            lambda: document.edit(read, changes),
            invoices.update_draft,
            actor,
            invoice_id=document.id,
            version=read,
            items=None if lines is None else [item(line) for line in lines],
            prices_include_vat=inclusive,
            currency=currency,
            discount_percent=None if discount is None else decimal(discount.percent),
            discount_amount=None if discount is None else decimal(discount.amount),
        )

    def delete(self, *, number: int, apt: bool, version: str | None, actor: SystemActor) -> None:
        document = self.chosen(number, apt, "Draft")
        read = self.version(document, version)

        def predict() -> None:
            document.require_deletable(read)
            self.documents.remove(document)

        self.command(predict, invoices.delete_draft, actor, invoice_id=document.id, version=read)

    def issue(self, *, number: int, apt: bool, version: str | None, actor: SystemActor) -> None:
        document = self.chosen(number, apt, "Draft")
        read = self.version(document, version)
        self.command(lambda: document.issue(read), invoices.issue_invoice, actor, invoice_id=document.id, version=read)

    def cancel(self, *, number: int, apt: bool, version: str | None, actor: SystemActor) -> None:
        document = self.chosen(number, apt, "Draft", "Issued")
        read = self.version(document, version)
        self.command(
            lambda: document.cancel(read), invoices.cancel_invoice, actor, invoice_id=document.id, version=read
        )

    # Money

    def pay(
        self,
        *,
        number: int,
        apt: bool,
        version: str | None,
        share: str,
        reference: str,
        paid_at: date | None,
        actor: SystemActor,
    ) -> None:
        document = self.chosen(number, apt, "Issued", "PartiallyPaid")
        read = self.version(document, version)
        amount = asked(share, document.total - document.paid, document.unit)
        self.book(
            document,
            lambda: document.pay(read, amount, comparison_key(reference), paid_at),
            payments.apply_payment,
            actor,
            version=read,
            amount=decimal(amount),
            reference=reference,
            paid_at=paid_at,
        )

    def refund(
        self,
        *,
        number: int,
        apt: bool,
        version: str | None,
        share: str,
        named: int | None,
        reference: str,
        paid_at: date | None,
        actor: SystemActor,
    ) -> None:
        document = self.chosen(number, apt, "PartiallyPaid", "Paid")
        read = self.version(document, version)
        payment_id = None if named is None else self.entry_id(document, named)
        amount = asked(share, document.paid, document.unit)
        self.book(
            document,
            lambda: document.refund(read, amount, payment_id, comparison_key(reference), paid_at),
            payments.refund_payment,
            actor,
            version=read,
            amount=decimal(amount),
            payment_id=payment_id,
            reference=reference,
            paid_at=paid_at,
        )

    def reverse(
        self,
        *,
        number: int,
        apt: bool,
        version: str | None,
        named: int,
        reference: str,
        paid_at: date | None,
        actor: SystemActor,
    ) -> None:
        document = self.chosen(number, apt, "PartiallyPaid", "Paid")
        read = self.version(document, version)
        payment_id = self.entry_id(document, named)
        self.book(
            document,
            lambda: document.reverse(read, payment_id, comparison_key(reference), paid_at),
            payments.reverse_payment,
            actor,
            version=read,
            payment_id=payment_id,
            reference=reference,
            paid_at=paid_at,
        )

    def book(
        self,
        document: Document,
        predict: Callable[[], None],
        act: Callable[..., Any],
        actor: SystemActor,
        **details: Any,
    ) -> None:
        """Give the command; the oracle's new entries get the ids that the program's have."""
        result = self.command(predict, act, actor, invoice_id=document.id, **details)
        booked = result if isinstance(result, list) else [result] if result else []
        unnamed = [entry for entry in document.entries if not entry.id]
        for entry, row in zip(unnamed, booked, strict=True):
            entry.id = row.pk

    def entry_id(self, document: Document, number: int) -> int:
        """The id of an entry of the document; sometimes of another's, or of none at all."""
        elsewhere = [entry for other in self.documents for entry in other.entries]
        entries = elsewhere if number == 0 else document.entries
        return entries[number % len(entries)].id if entries else 0

    # Periods and numbers

    def move_lock(self, company: int, locked_through: date | None, actor: SystemActor) -> None:
        def predict() -> None:
            self.companies[company].locked_through = locked_through

        self.command(
            predict,
            move_period_lock,
            actor,
            company_id=self.rows[company].pk,
            locked_through=locked_through,
            reason="Closing",
        )

    def set_series(self, company: int, year: int, first: int, actor: SystemActor) -> None:
        self.command(
            lambda: self.companies[company].set_series(year, first),
            invoices.set_next_number,
            actor,
            company=self.rows[company],
            year=year,
            next_value=first,
        )

    # What must be true after every command

    @invariant()
    def documents_and_ledger_are_those_of_the_oracle(self) -> None:
        rows = Invoice.objects.order_by("id").prefetch_related("payments")
        assert [document_in_program(row) for row in rows] == [document_in_oracle(each) for each in self.documents]


def document_in_program(row: Invoice) -> dict[str, Any]:
    return {
        "id": row.pk,
        "version": row.version,
        "number": row.number,
        "status": row.status,
        "currency": row.currency,
        "total": row.total,
        "paid": row.paid,
        "outstanding": row.outstanding,
        "entries": [
            (entry.pk, entry.kind, entry.amount, entry.reverses_id, entry.reference_key)
            for entry in sorted(row.payments.all(), key=lambda entry: entry.pk)
        ],
    }


def document_in_oracle(document: Document) -> dict[str, Any]:
    def amount(units: int) -> Decimal:
        return Decimal(units) / document.unit

    def entry_of(entry: Entry) -> tuple[Any, ...]:
        undone = entry.reverses.id if entry.reverses else None
        return entry.id, entry.kind, amount(entry.amount), undone, entry.key or None

    return {
        "id": document.id,
        "version": document.version,
        "number": document.number,
        "status": document.status,
        "currency": document.currency,
        "total": amount(document.total),
        "paid": amount(document.paid),
        "outstanding": amount(0 if document.cancelled else document.total - document.paid),
        "entries": [entry_of(entry) for entry in document.entries],
    }


def run(**options: Any) -> None:
    run_state_machine_as_test(
        Books,
        settings=settings(
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )


@pytest.mark.django_db
def test_every_command_does_what_the_oracle_says_or_nothing() -> None:
    run(max_examples=int(os.environ.get("FINTRACK_EXAMPLES", "16")))


MISTAKES: dict[str, tuple[Any, str, Any]] = {
    "refunds go to the oldest payments": (
        payments,
        "spread_refund",
        lambda amount, left: spread_refund(amount, list(left)[::-1]),
    ),
    "a closed period takes entries": (payments, "require_open_period", lambda *_, **__: None),
    "a stale version is accepted": (payments, "require_version", lambda *_: None),
    "a reversal takes back what was refunded": (payments, "left_of", lambda entries: {e.pk: e.amount for e in entries}),
}


@pytest.mark.django_db
@pytest.mark.parametrize("mistake", MISTAKES)
def test_control_the_oracle_notices_a_mistake(monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    monkeypatch.setattr(*MISTAKES[mistake])
    with pytest.raises((AssertionError, KeyError, ExceptionGroup)):
        run(max_examples=50, phases=[Phase.generate], report_multiple_bugs=False, database=None, derandomize=True)
