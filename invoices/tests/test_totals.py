"""The calculator, and the life of an invoice, as pure rules."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import minor_units, quantize
from invoices.lifecycle import Command, Facts, Status, WrongStatus, allows, obstacle, require_status, settled_status
from invoices.totals import ROUND_BY_LINE, ROUND_BY_RATE, Discount, PricedLine, Terms, document_totals

RATES = [("S", Decimal("0.05")), ("S", Decimal("0.15")), ("S", Decimal("0.0725")), ("Z", Decimal(0)), ("E", Decimal(0))]

percent_discounts = st.builds(Discount, percent=st.decimals(0, 100, places=2))
lines = st.lists(
    st.builds(
        lambda quantity, price, rate, discount: PricedLine(quantity, price, *rate, discount),
        st.decimals("0.000001", "9999", places=6),
        st.decimals(0, "99999", places=6),
        st.sampled_from(RATES),
        st.one_of(st.just(Discount()), percent_discounts),
    ),
    max_size=12,
)
terms = st.builds(
    Terms,
    currency=st.sampled_from(["ZAR", "JPY", "KWD"]),
    prices_include_vat=st.booleans(),
    vat_rounding=st.sampled_from([ROUND_BY_RATE, ROUND_BY_LINE]),
    discount=st.one_of(st.just(Discount()), percent_discounts),
)


def line(quantity, price, rate="0.15", **discount):
    amounts = {name: Decimal(value) for name, value in discount.items()}
    return PricedLine(
        Decimal(quantity), Decimal(price), "S" if Decimal(rate) else "Z", Decimal(rate), Discount(**amounts)
    )


def amounts(totals):
    return [
        str(value)
        for value in (totals.lines_total, totals.discount_total, totals.subtotal, totals.vat_total, totals.total)
    ]


def test_vat_is_worked_out_on_the_sum_of_a_rate_and_not_line_by_line():
    totals = document_totals([line(1, "0.10")] * 3, Terms("ZAR"))

    assert amounts(totals) == ["0.30", "0.00", "0.30", "0.05", "0.35"]
    assert [str(entry.vat_amount) for entry in totals.lines] == ["0.02", "0.02", "0.01"]


def test_vat_is_rounded_on_each_line_where_the_company_says_so():
    totals = document_totals([line(1, "0.10")] * 3, Terms("ZAR", vat_rounding=ROUND_BY_LINE))

    assert amounts(totals) == ["0.30", "0.00", "0.30", "0.06", "0.36"]


def test_a_line_discount_comes_off_before_the_line_is_rounded():
    totals = document_totals([line(3, "9.99", percent="10"), line(1, "10", amount="0.5")], Terms("ZAR"))

    assert [str(entry.line_total) for entry in totals.lines] == ["26.97", "9.50"]


def test_a_document_discount_falls_on_the_rates_in_proportion_to_their_sums():
    discount = Discount(amount=Decimal("10"))
    totals = document_totals([line(1, "100"), line(2, "50", "0.10")], Terms("ZAR", discount=discount))

    assert amounts(totals) == ["200.00", "10.00", "190.00", "23.75", "213.75"]
    assert [(str(group.vat_rate), str(group.taxable_amount), str(group.vat_amount)) for group in totals.breakdown] == [
        ("0.10", "95.00", "9.50"),
        ("0.15", "95.00", "14.25"),
    ]


def test_the_odd_cent_of_a_discount_goes_to_the_larger_remainder_then_to_the_lower_rate():
    discount = Discount(amount=Decimal("0.01"))
    totals = document_totals([line(1, "10", "0.15"), line(1, "10", "0.10")], Terms("ZAR", discount=discount))

    assert [str(group.taxable_amount) for group in totals.breakdown] == ["9.99", "10.00"]


def test_a_percentage_of_the_document_is_rounded_once():
    totals = document_totals([line(1, "0.33", "0")] * 3, Terms("ZAR", discount=Discount(percent=Decimal("12.5"))))

    assert amounts(totals) == ["0.99", "0.12", "0.87", "0.00", "0.87"]


def test_prices_that_include_vat_keep_their_gross_sum_exactly():
    totals = document_totals([line(1, "9.99"), line(3, "3.33")], Terms("EUR", prices_include_vat=True))

    assert totals.total == Decimal("19.98")
    assert [str(entry.line_gross) for entry in totals.lines] == ["9.99", "9.99"]
    assert all(entry.line_total + entry.vat_amount == entry.line_gross for entry in totals.lines)


def test_a_gross_discount_shows_its_net_as_the_difference():
    discount = Discount(amount=Decimal(100))
    totals = document_totals([line(100, "50", "0.14")], Terms("ZAR", prices_include_vat=True, discount=discount))

    assert amounts(totals) == ["4385.96", "87.71", "4298.25", "601.75", "4900.00"]


def test_a_cent_of_discount_that_two_lines_deserve_alike_goes_to_the_larger_whatever_their_order():
    how = Terms("ZAR", vat_rounding=ROUND_BY_LINE, discount=Discount(amount=Decimal("0.02")))
    large, small = line(1, "0.30"), line(1, "0.10")

    assert amounts(document_totals([large, small], how)) == ["0.40", "0.02", "0.38", "0.06", "0.44"]
    assert amounts(document_totals([small, large], how)) == ["0.40", "0.02", "0.38", "0.06", "0.44"]


def test_the_breakdown_is_in_the_currency_of_the_document():
    assert [group.currency for group in document_totals([line(1, "10")], Terms("KWD")).breakdown] == ["KWD"]


def test_yen_have_no_decimals_and_dinars_three():
    assert document_totals([line(1, "10.5")], Terms("JPY")).total == Decimal(13)
    assert document_totals([line(1, "0.0015")], Terms("KWD")).total == Decimal("0.002")


def test_the_whole_may_be_given_away():
    free = document_totals([line(3, "33.33"), line(1, "5", "0")], Terms("ZAR", discount=Discount(percent=Decimal(100))))

    assert amounts(free) == ["104.99", "104.99", "0.00", "0.00", "0.00"]


def test_every_rounding_is_told():
    discount = Discount(amount=Decimal("0.5"))
    totals = document_totals([line(2, "10", percent="5"), line(1, "5", "0")], Terms("ZAR", discount=discount))

    assert [(step.what, step.how, str(step.result)) for step in totals.steps] == [
        ("line 1", "2 x 10 - 5 %", "19.00"),
        ("line 2", "1 x 5", "5.00"),
        ("document discount", "0.5 of 24", "0.50"),
        ("discount on Z 0 %", "in proportion to 5, by largest remainder", "0.10"),
        ("discount on S 15 %", "in proportion to 19, by largest remainder", "0.40"),
        ("VAT on Z 0 %", "4.9 x 0", "0.00"),
        ("VAT on S 15 %", "18.6 x 0.15", "2.79"),
    ]


def test_every_rounding_of_a_gross_document_is_told():
    discount = Discount(percent=Decimal(10))
    how = Terms("ZAR", prices_include_vat=True, vat_rounding=ROUND_BY_LINE, discount=discount)
    totals = document_totals([line(1, "5", "0"), line(2, "11.5", amount="0.50")], how)

    assert [(step.what, step.how, str(step.result)) for step in totals.steps] == [
        ("line 1", "1 x 5", "5.00"),
        ("line 2", "2 x 11.5 - 0.5", "22.50"),
        ("document discount", "10 % of 27.5", "2.75"),
        ("discount on line 1 (Z 0 %)", "in proportion to 5, by largest remainder", "0.50"),
        ("discount on line 2 (S 15 %)", "in proportion to 22.5, by largest remainder", "2.25"),
        ("VAT within line 1 (Z 0 %)", "5 x 0 / 1", "0.00"),
        ("VAT within line 1 (Z 0 %)", "4.5 x 0 / 1", "0.00"),
        ("net of line 1 (Z 0 %)", "4.5 - 0", "4.50"),
        ("VAT within line 2 (S 15 %)", "22.5 x 0.15 / 1.15", "2.93"),
        ("VAT within line 2 (S 15 %)", "20.25 x 0.15 / 1.15", "2.64"),
        ("net of line 2 (S 15 %)", "20.25 - 2.64", "17.61"),
    ]


def test_without_a_discount_none_is_told():
    totals = document_totals([line(1, "11.5")], Terms("ZAR", prices_include_vat=True))

    assert [step.what for step in totals.steps] == [
        "line 1",
        "VAT within S 15 %",
        "VAT within S 15 %",
        "net of S 15 %",
    ]


@given(lines, terms, st.randoms())
def test_the_sums_agree_and_the_order_of_the_lines_does_not_matter(rows, how, random):
    totals = document_totals(rows, how)
    again = document_totals(random.sample(rows, len(rows)), how)

    assert amounts(again) == amounts(totals)
    assert sum(entry.taxable_amount + entry.vat_amount for entry in totals.lines) == totals.total
    assert all(
        value >= 0 for entry in totals.lines for value in (entry.line_total, entry.taxable_amount, entry.vat_amount)
    )
    assert totals.discount_total >= 0


@given(lines, st.sampled_from(["ZAR", "JPY", "KWD"]), percent_discounts)
def test_prices_with_and_without_vat_agree_within_one_unit_for_each_rate(rows, currency, discount):
    gross = document_totals(rows, Terms(currency, prices_include_vat=True, discount=discount))
    taxed = document_totals(
        [PricedLine(Decimal(1), group.taxable_amount, group.vat_category, group.vat_rate) for group in gross.breakdown],
        Terms(currency),
    )

    unit = Decimal(1).scaleb(-minor_units(currency))
    assert abs(taxed.total - gross.total) <= unit * len(gross.breakdown)


@given(lines, st.sampled_from(["ZAR", "JPY", "KWD"]))
def test_a_gross_total_is_the_exact_sum_of_the_gross_lines(rows, currency):
    gross = document_totals(rows, Terms(currency, prices_include_vat=True))

    decimals = minor_units(currency)
    expected = [
        quantize(row.quantity * row.unit_price * (1 - row.discount.percent / 100), decimals=decimals) for row in rows
    ]
    assert gross.total == sum(expected)


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
        (Command.CANCEL, {"Draft", "Issued"}),
        (Command.PAY, {"Issued", "PartiallyPaid"}),
        (Command.REFUND, {"PartiallyPaid", "Paid"}),
        (Command.REVERSE, {"PartiallyPaid", "Paid"}),
    ],
)
def test_only_legal_moves_are_possible(command, statuses):
    assert {status.value for status in Status if allows(status, command)} == statuses
    with pytest.raises(WrongStatus, match="cancelled"):
        require_status(Status.CANCELLED, command)


@pytest.mark.parametrize(
    ("command", "status", "by_today", "by_issue_date"),
    [
        (Command.EDIT, Status.DRAFT, False, False),
        (Command.DELETE, Status.DRAFT, False, False),
        (Command.ISSUE, Status.DRAFT, False, True),
        (Command.CANCEL, Status.DRAFT, True, False),
        (Command.CANCEL, Status.ISSUED, True, True),
        (Command.PAY, Status.ISSUED, True, False),
        (Command.REFUND, Status.PAID, True, False),
        (Command.REVERSE, Status.PAID, True, False),
    ],
)
def test_a_locked_period_stands_in_the_way_of_what_has_a_date_in_it(command, status, by_today, by_issue_date):
    def stopped(*, today=False, issue_date=False):
        facts = Facts(
            status=status,
            has_lines=True,
            has_entries=False,
            is_anything_paid=True,
            is_customer_archived=False,
            is_issue_date_locked=issue_date,
            is_today_locked=today,
        )
        return obstacle(command, facts) == "period_locked"

    assert not stopped()
    assert stopped(today=True) == by_today
    assert stopped(issue_date=True) == by_issue_date


def off_by_a_cent(row, name):
    return (replace(row, **{name: getattr(row, name) + Decimal("0.01")}),)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda totals: {"discount_total": Decimal("0.01")},
        lambda totals: {"total": totals.total + 1},
        lambda totals: {"lines_total": totals.lines_total + 1, "discount_total": Decimal(1)},
        lambda totals: {"lines": off_by_a_cent(totals.lines[0], "line_total")},
        lambda totals: {"lines": off_by_a_cent(totals.lines[0], "taxable_amount")},
        lambda totals: {"lines": off_by_a_cent(totals.lines[0], "vat_amount")},
        lambda totals: {"breakdown": off_by_a_cent(totals.breakdown[0], "taxable_amount")},
        lambda totals: {"breakdown": off_by_a_cent(totals.breakdown[0], "vat_amount")},
    ],
)
def test_totals_that_do_not_sum_cannot_exist(wrong):
    totals = document_totals([line(1, "10")], Terms("ZAR"))

    with pytest.raises(ArithmeticError, match="totals that do not sum"):
        replace(totals, **wrong(totals))
