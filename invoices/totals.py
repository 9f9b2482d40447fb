"""From lines to totals: one pure calculator for everything that shows or stores an amount. No ORM.

A line is ``quantity x unit price - discount``, rounded half up to the currency's minor unit. A document discount is
spread in proportion to the sums it is taken from. VAT is worked out per category and rate on the sum of its lines
(EN 16931, BR-CO-17), or line by line where the company rounds that way. With prices that include VAT the sums are gross
and exact, and VAT is taken out of them. Whatever is spread goes by largest remainder, so that the lines always sum to
the document. Every step is kept for people to follow (`Step`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from django.db.models import TextChoices

from core.money import ZERO, allocate, minor_units, plain_text, quantize

HUNDRED = Decimal(100)
ROUND_BY_RATE, ROUND_BY_LINE = "document", "line"
"""Where VAT is rounded: once per category and rate of a document (EN 16931), or on each line."""


class VatCategory(TextChoices):
    """EN 16931 VAT category codes (UNCL 5305)."""

    STANDARD = "S", "S: standard rate"
    ZERO = "Z", "Z: zero rate"
    EXEMPT = "E", "E: exempt"
    REVERSE_CHARGE = "AE", "AE: reverse charge"
    INTRA_COMMUNITY = "K", "K: intra-community supply"
    EXPORT = "G", "G: export"
    NOT_SUBJECT = "O", "O: not subject to VAT"


@dataclass(frozen=True)
class Discount:
    """A reduction by percent (10 is 10 %) or by an amount in the document's currency; at most one is not zero."""

    percent: Decimal = ZERO
    amount: Decimal = ZERO

    def of(self, base: Decimal) -> Decimal:
        """What it takes off `base`, not rounded."""
        return base * self.percent / HUNDRED + self.amount


NO_DISCOUNT = Discount()


@dataclass(frozen=True)
class PricedLine:
    """What the calculator needs to know of a line. Price and discount are net, or gross where prices include VAT."""

    quantity: Decimal
    unit_price: Decimal
    vat_category: str
    vat_rate: Decimal
    discount: Discount = NO_DISCOUNT


@dataclass(frozen=True)
class Terms:
    """How a document is worked out."""

    currency: str
    prices_include_vat: bool = False
    vat_rounding: str = ROUND_BY_RATE
    discount: Discount = NO_DISCOUNT


@dataclass(frozen=True)
class LineTotals:
    """A line's amounts.

    Before the document discount: its net, and its gross where prices include VAT (else None). After it: the net that is
    taxed, and the VAT.
    """

    line_total: Decimal
    line_gross: Decimal | None
    taxable_amount: Decimal
    vat_amount: Decimal


@dataclass(frozen=True)
class VatBreakdown:
    """The sums of one VAT category and rate (EN 16931 BG-23), in `currency`."""

    currency: str
    vat_category: str
    vat_rate: Decimal
    taxable_amount: Decimal
    vat_amount: Decimal


@dataclass(frozen=True)
class Step:
    """One step of the calculation: what was worked out, how, and what came of it."""

    what: str
    how: str
    result: Decimal


Words = Callable[[], tuple[str, str]]
"""What a step worked out, and how, put into words when somebody asks."""


@dataclass(frozen=True)
class Totals:
    """A document's amounts; it refuses to exist unless they agree to the last decimal."""

    lines: tuple[LineTotals, ...]
    breakdown: tuple[VatBreakdown, ...]
    lines_total: Decimal
    discount_total: Decimal
    subtotal: Decimal
    vat_total: Decimal
    total: Decimal
    words_of_steps: tuple[tuple[Words, Decimal], ...] = field(repr=False, compare=False)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step of the calculation. Put into words only now: most totals are never explained."""
        return tuple(Step(*words(), result) for words, result in self.words_of_steps)

    def __post_init__(self) -> None:
        sums_agree = (
            self.lines_total - self.discount_total == self.subtotal
            and self.subtotal + self.vat_total == self.total
            and _sum(line.line_total for line in self.lines) == self.lines_total
            and _sum(line.taxable_amount for line in self.lines) == self.subtotal
            and _sum(line.vat_amount for line in self.lines) == self.vat_total
            and _sum(group.taxable_amount for group in self.breakdown) == self.subtotal
            and _sum(group.vat_amount for group in self.breakdown) == self.vat_total
        )
        if not sums_agree:
            raise ArithmeticError(f"totals that do not sum: {self}")


def document_totals(lines: Sequence[PricedLine], terms: Terms) -> Totals:
    """The totals of a document with these lines. No lines give zeros.

    The amounts of the discounts have no more decimals than the currency, and take off at most what there is.
    """
    return _Calculation(lines, terms).totals()


def line_amount(line: PricedLine, decimals: int) -> Decimal:
    """``quantity x unit price - discount``, rounded half up; net, or gross where prices include VAT."""
    price = line.quantity * line.unit_price
    return quantize(price - line.discount.of(price), decimals=decimals)


class _Calculation:
    """One document being worked out: positions of lines are grouped by what VAT is rounded on."""

    def __init__(self, lines: Sequence[PricedLine], terms: Terms) -> None:
        self.lines = lines
        self.terms = terms
        self.decimals = minor_units(terms.currency)
        self.words_of_steps: list[tuple[Words, Decimal]] = []
        self.amounts = [self._amount(position, line) for position, line in enumerate(lines)]
        self.groups = self._groups()

    def totals(self) -> Totals:
        """The document's amounts."""
        discounts = self._spread_discount()
        line_totals: dict[int, LineTotals] = {}
        for positions, discount in zip(self.groups, discounts, strict=True):
            line_totals.update(zip(positions, self._group_totals(positions, discount), strict=True))
        results = tuple(line_totals[position] for position in range(len(self.lines)))
        breakdown = breakdown_of(
            (
                (line.vat_category, line.vat_rate, result.taxable_amount, result.vat_amount)
                for line, result in zip(self.lines, results, strict=True)
            ),
            currency=self.terms.currency,
        )
        lines_total = _sum(line.line_total for line in results)
        subtotal = _sum(group.taxable_amount for group in breakdown)
        vat_total = _sum(group.vat_amount for group in breakdown)
        return Totals(
            lines=results,
            breakdown=tuple(breakdown),
            lines_total=lines_total,
            discount_total=lines_total - subtotal,
            subtotal=subtotal,
            vat_total=vat_total,
            total=subtotal + vat_total,
            words_of_steps=tuple(self.words_of_steps),
        )

    def _amount(self, position: int, line: PricedLine) -> Decimal:
        amount = line_amount(line, self.decimals)
        self._step(lambda: (f"line {position + 1}", _line_text(line)), amount)
        return amount

    def _groups(self) -> list[list[int]]:
        """The positions that VAT is rounded on together, in the order that ties of a spreading prefer.

        By rate and category; lines of their own by amount before position, so that no total depends on the order of
        the lines.
        """
        groups: dict[tuple[Decimal, str], list[int]] = defaultdict(list)
        for position, line in enumerate(self.lines):
            groups[line.vat_rate, line.vat_category].append(position)
        ordered = [groups[key] for key in sorted(groups)]
        if self.terms.vat_rounding != ROUND_BY_LINE:
            return ordered
        return [
            [position]
            for positions in ordered
            for position in sorted(positions, key=lambda position: (-self.amounts[position], position))
        ]

    def _spread_discount(self) -> list[Decimal]:
        """The document discount, one share for each group, in proportion to the groups' sums."""
        sums = [_sum(self.amounts[position] for position in positions) for positions in self.groups]
        base = _sum(sums)
        discount = quantize(self.terms.discount.of(base), decimals=self.decimals)
        shares = allocate(discount, sums, decimals=self.decimals)
        if discount:
            how = f"{_discount_text(self.terms.discount)} of {plain_text(base)}"
            self._step(lambda: ("document discount", how), discount)
            for positions, amount, share in zip(self.groups, sums, shares, strict=True):
                self._step(partial(self._share_words, positions, amount), share)
        return shares

    def _share_words(self, positions: list[int], amount: Decimal) -> tuple[str, str]:
        how = f"in proportion to {plain_text(amount)}, by largest remainder"
        return f"discount on {self._name(positions)}", how

    def _group_totals(self, positions: list[int], discount: Decimal) -> list[LineTotals]:
        amounts = [self.amounts[position] for position in positions]
        if self.terms.prices_include_vat:
            return self._gross_group(positions, amounts, discount)
        return self._net_group(positions, amounts, discount)

    def _net_group(self, positions: list[int], amounts: list[Decimal], discount: Decimal) -> list[LineTotals]:
        rate = self.lines[positions[0]].vat_rate
        taxable = _sum(amounts) - discount
        vat = quantize(taxable * rate, decimals=self.decimals)
        self._step(lambda: (f"VAT on {self._name(positions)}", f"{plain_text(taxable)} x {plain_text(rate)}"), vat)
        discounts = allocate(discount, amounts, decimals=self.decimals)
        vats = allocate(vat, amounts, decimals=self.decimals)
        return [
            LineTotals(amount, None, amount - share, line_vat)
            for amount, share, line_vat in zip(amounts, discounts, vats, strict=True)
        ]

    def _gross_group(self, positions: list[int], amounts: list[Decimal], discount: Decimal) -> list[LineTotals]:
        """Net and VAT are taken out before the discount (the lines' nets) and after it (what is taxed)."""
        gross = _sum(amounts)
        nets = allocate(gross - self._vat_within(positions, gross), amounts, decimals=self.decimals)
        vat = self._vat_within(positions, gross - discount)
        if discount:
            taxables = allocate(gross - discount - vat, amounts, decimals=self.decimals)
            vats = allocate(vat, amounts, decimals=self.decimals)
        else:
            taxables, vats = nets, [amount - net for amount, net in zip(amounts, nets, strict=True)]
        self._step(
            lambda: (f"net of {self._name(positions)}", f"{plain_text(gross - discount)} - {plain_text(vat)}"),
            _sum(taxables),
        )
        return [LineTotals(*values) for values in zip(nets, amounts, taxables, vats, strict=True)]

    def _vat_within(self, positions: list[int], gross: Decimal) -> Decimal:
        rate = self.lines[positions[0]].vat_rate
        vat = quantize(gross * rate / (1 + rate), decimals=self.decimals)
        self._step(
            lambda: (
                f"VAT within {self._name(positions)}",
                f"{plain_text(gross)} x {plain_text(rate)} / {plain_text(1 + rate)}",
            ),
            vat,
        )
        return vat

    def _name(self, positions: list[int]) -> str:
        line = self.lines[positions[0]]
        kind = f"{line.vat_category} {plain_text(line.vat_rate * HUNDRED)} %"
        return f"line {positions[0] + 1} ({kind})" if self.terms.vat_rounding == ROUND_BY_LINE else kind

    def _step(self, words: Words, result: Decimal) -> None:
        self.words_of_steps.append((words, result))


def breakdown_of(lines: Iterable[tuple[str, Decimal, Decimal, Decimal]], *, currency: str) -> list[VatBreakdown]:
    """The breakdown of lines, each (category, rate, taxable amount, VAT): they sum to it by construction."""
    sums: dict[tuple[str, Decimal], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for category, rate, taxable, vat in lines:
        sums[category, rate][0] += taxable
        sums[category, rate][1] += vat
    return [VatBreakdown(currency, *key, *amounts) for key, amounts in sorted(sums.items())]


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _line_text(line: PricedLine) -> str:
    discount = f" - {_discount_text(line.discount)}" if line.discount != NO_DISCOUNT else ""
    return f"{plain_text(line.quantity)} x {plain_text(line.unit_price)}{discount}"


def _discount_text(discount: Discount) -> str:
    return f"{plain_text(discount.percent)} %" if discount.percent else plain_text(discount.amount)
