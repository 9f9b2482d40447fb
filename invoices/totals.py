"""From lines to totals: one pure calculator for everything that shows or stores an amount. No ORM.

A line's net is ``quantity x unit price``, rounded half up to the currency's minor unit. VAT is worked out per category
and rate on the sum of its lines (EN 16931, BR-CO-17) and spread back over them by largest remainder, so that the lines
sum to the document. With prices that include VAT the gross sum of a rate is exact and VAT is taken out of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import TextChoices

from core.money import ZERO, allocate, minor_units, quantize


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
class PricedLine:
    """What the calculator needs to know of a line. The unit price is net, or gross where prices include VAT."""

    quantity: Decimal
    unit_price: Decimal
    vat_category: str
    vat_rate: Decimal


@dataclass(frozen=True)
class LineTotals:
    """A line's amounts: net, VAT, and gross, which is their sum."""

    line_total: Decimal
    vat_amount: Decimal

    @property
    def line_gross(self) -> Decimal:
        """Net and VAT together."""
        return self.line_total + self.vat_amount


@dataclass(frozen=True)
class VatBreakdown:
    """The sums of one VAT category and rate (EN 16931 BG-23), in `currency`."""

    currency: str
    vat_category: str
    vat_rate: Decimal
    taxable_amount: Decimal
    vat_amount: Decimal


@dataclass(frozen=True)
class Totals:
    """A document's amounts; it refuses to exist unless they agree to the last decimal."""

    lines: tuple[LineTotals, ...]
    breakdown: tuple[VatBreakdown, ...]
    subtotal: Decimal
    vat_total: Decimal
    total: Decimal

    def __post_init__(self) -> None:
        sums_agree = (
            self.subtotal + self.vat_total == self.total
            and sum((line.line_total for line in self.lines), ZERO) == self.subtotal
            and sum((line.vat_amount for line in self.lines), ZERO) == self.vat_total
            and sum((group.taxable_amount for group in self.breakdown), ZERO) == self.subtotal
            and sum((group.vat_amount for group in self.breakdown), ZERO) == self.vat_total
        )
        if not sums_agree:
            raise ArithmeticError(f"totals that do not sum: {self}")


def document_totals(lines: Sequence[PricedLine], *, currency: str, prices_include_vat: bool = False) -> Totals:
    """The totals of a document with these lines. No lines give zeros."""
    decimals = minor_units(currency)
    amounts = [quantize(line.quantity * line.unit_price, decimals=decimals) for line in lines]
    positions_by_rate: dict[tuple[str, Decimal], list[int]] = defaultdict(list)
    for position, line in enumerate(lines):
        positions_by_rate[line.vat_category, line.vat_rate].append(position)

    line_totals: dict[int, LineTotals] = {}
    breakdown = []
    for (category, rate), positions in sorted(positions_by_rate.items()):
        group = _group_totals([amounts[position] for position in positions], rate, decimals, prices_include_vat)
        line_totals.update(zip(positions, group, strict=True))
        taxable = sum((line.line_total for line in group), ZERO)
        vat = sum((line.vat_amount for line in group), ZERO)
        breakdown.append(VatBreakdown(currency, category, rate, taxable, vat))

    subtotal = sum((group.taxable_amount for group in breakdown), ZERO)
    vat_total = sum((group.vat_amount for group in breakdown), ZERO)
    return Totals(
        lines=tuple(line_totals[position] for position in range(len(lines))),
        breakdown=tuple(breakdown),
        subtotal=subtotal,
        vat_total=vat_total,
        total=subtotal + vat_total,
    )


def _group_totals(
    amounts: Sequence[Decimal], rate: Decimal, decimals: int, prices_include_vat: bool
) -> list[LineTotals]:
    """The lines of one category and rate. `amounts` are net, or gross where prices include VAT."""
    amount_sum = sum(amounts, ZERO)
    if prices_include_vat:
        vat = quantize(amount_sum * rate / (1 + rate), decimals=decimals)
        nets = allocate(amount_sum - vat, amounts, decimals=decimals)
        return [LineTotals(net, gross - net) for net, gross in zip(nets, amounts, strict=True)]
    vat = quantize(amount_sum * rate, decimals=decimals)
    vats = allocate(vat, amounts, decimals=decimals)
    return [LineTotals(net, vat_amount) for net, vat_amount in zip(amounts, vats, strict=True)]


def breakdown_of(lines: Iterable[tuple[str, Decimal, Decimal, Decimal]], *, currency: str) -> list[VatBreakdown]:
    """The breakdown of stored lines, each (category, rate, net, VAT): they sum to it by construction."""
    sums: dict[tuple[str, Decimal], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for category, rate, net, vat in lines:
        sums[category, rate][0] += net
        sums[category, rate][1] += vat
    return [VatBreakdown(currency, category, rate, net, vat) for (category, rate), (net, vat) in sorted(sums.items())]
