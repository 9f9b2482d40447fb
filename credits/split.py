"""What a credit note takes of a line, so that the notes of a line sum back to it exactly. No ORM.

After each note, what all notes took of an amount is that amount in proportion to the quantity credited so far, rounded
half up; the note takes what is new of it. So no rounding is left behind: with the last of the quantity the notes have
taken the whole amount, in whatever parts. The VAT of a category and rate is the sum of its lines, as on the invoice,
where it was rounded once: so it is exact, too.
"""

from dataclasses import dataclass
from decimal import Context, Decimal

from core.money import ZERO, quantize

_EXACT = Context(prec=100)


@dataclass(frozen=True)
class Parts:
    """What there is, or was taken, of a line: the net after the document discount, VAT, and that discount's share."""

    taxable_amount: Decimal = ZERO
    vat_amount: Decimal = ZERO
    discount_share: Decimal = ZERO

    @property
    def line_total(self) -> Decimal:
        """The net before the document discount."""
        return self.taxable_amount + self.discount_share

    @property
    def total(self) -> Decimal:
        """Net and VAT."""
        return self.taxable_amount + self.vat_amount

    def __add__(self, other: "Parts") -> "Parts":
        return Parts(
            self.taxable_amount + other.taxable_amount,
            self.vat_amount + other.vat_amount,
            self.discount_share + other.discount_share,
        )


@dataclass(frozen=True)
class CreditableLine:
    """A line of an invoice: its amounts, its quantity, and what earlier notes took of both."""

    quantity: Decimal
    amounts: Parts
    credited_quantity: Decimal = ZERO
    credited: Parts = Parts()

    @property
    def quantity_left(self) -> Decimal:
        """What can still be credited."""
        return self.quantity - self.credited_quantity


def part_of(line: CreditableLine, quantity: Decimal, *, decimals: int, is_gross: bool) -> Parts:
    """What crediting `quantity` more takes of the line; `quantity` is at most what is left of it.

    Where prices include VAT (`is_gross`) it is the total that follows the quantity, as the price does, and VAT is taken
    out of it; else net and VAT do. The discount's share follows the quantity in either case. Neither net nor VAT is
    ever negative.
    """
    share = _Share(line.credited_quantity + quantity, line.quantity, decimals)
    all_of, taken = line.amounts, line.credited
    discount = share.of(all_of.discount_share) - taken.discount_share
    vat = share.of(all_of.vat_amount) - taken.vat_amount
    if not is_gross:
        return Parts(share.of(all_of.taxable_amount) - taken.taxable_amount, vat, discount)
    total = share.of(all_of.total) - taken.total
    # The VAT of a step may be rounded up where its total is not yet: it then waits for the next step.
    vat = min(vat, total)
    return Parts(total - vat, vat, discount)


@dataclass(frozen=True)
class _Share:
    """The part of a line that is credited: `quantity` of `whole`."""

    quantity: Decimal
    whole: Decimal
    decimals: int

    def of(self, amount: Decimal) -> Decimal:
        """The same part of an amount, rounded half up; of the whole, all of it."""
        if self.quantity == self.whole:
            return amount
        part = _EXACT.divide(_EXACT.multiply(amount, self.quantity), self.whole)
        return quantize(part, decimals=self.decimals)
