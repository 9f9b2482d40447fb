"""The calculator, and the life of an invoice, as pure rules."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.lifecycle import Command, Status, WrongStatus, allows, require_status, settled_status
from invoices.totals import PricedLine, document_totals

lines = st.lists(
    st.builds(
        PricedLine,
        quantity=st.decimals("0.000001", "9999", places=6),
        unit_price=st.decimals(0, "99999", places=6),
        vat_category=st.just("S"),
        vat_rate=st.sampled_from([Decimal("0.05"), Decimal("0.15"), Decimal("0.2"), Decimal("0.0725")]),
    ),
    max_size=12,
)


def line(quantity, price, rate="0.15"):
    return PricedLine(Decimal(quantity), Decimal(price), "S" if Decimal(rate) else "Z", Decimal(rate))


def test_vat_is_worked_out_on_the_sum_of_a_rate_and_not_line_by_line():
    totals = document_totals([line(1, "0.10")] * 3, currency="ZAR")

    assert (totals.subtotal, totals.vat_total, totals.total) == (Decimal("0.30"), Decimal("0.05"), Decimal("0.35"))
    assert sorted(entry.vat_amount for entry in totals.lines) == [Decimal("0.01"), Decimal("0.02"), Decimal("0.02")]


def test_prices_that_include_vat_keep_their_gross_sum_exactly():
    totals = document_totals([line(1, "9.99"), line(3, "3.33")], currency="EUR", prices_include_vat=True)

    assert totals.total == Decimal("19.98")
    assert [entry.line_gross for entry in totals.lines] == [Decimal("9.99"), Decimal("9.99")]


def test_yen_have_no_decimals_and_dinars_three():
    assert document_totals([line(1, "10.5")], currency="JPY").total == Decimal(13)
    assert document_totals([line(1, "0.0015")], currency="KWD").total == Decimal("0.002")


@given(lines, st.sampled_from(["ZAR", "JPY", "KWD"]), st.booleans(), st.randoms())
def test_the_sums_agree_and_the_order_of_the_lines_does_not_matter(rows, currency, inclusive, random):
    totals = document_totals(rows, currency=currency, prices_include_vat=inclusive)
    shuffled = random.sample(rows, len(rows))
    again = document_totals(shuffled, currency=currency, prices_include_vat=inclusive)

    assert (again.subtotal, again.vat_total, again.total) == (totals.subtotal, totals.vat_total, totals.total)
    assert sum(entry.line_gross for entry in totals.lines) == totals.total
    assert all(entry.line_total >= 0 and entry.vat_amount >= 0 for entry in totals.lines)


@pytest.mark.parametrize(
    ("total", "paid", "status"),
    [("0", "0", "Paid"), ("10", "0", "Issued"), ("10", "0.01", "PartiallyPaid"), ("10", "10", "Paid")],
)
def test_the_status_of_an_issued_invoice_follows_from_its_money(total, paid, status):
    assert settled_status(Decimal(total), Decimal(paid)) == status


@pytest.mark.parametrize(
    ("command", "statuses"),
    [
        (Command.EDIT, {"Draft"}),
        (Command.DELETE, {"Draft"}),
        (Command.ISSUE, {"Draft"}),
        (Command.PAY, {"Issued", "PartiallyPaid"}),
    ],
)
def test_only_legal_moves_are_possible(command, statuses):
    assert {status.value for status in Status if allows(status, command)} == statuses
    with pytest.raises(WrongStatus, match="cancelled"):
        require_status(Status.CANCELLED, command)
