"""The rules of invoices and their money once more, in plain Python: what a command must do, or why it is refused.

No ORM, no Decimal, nothing of the program: amounts are whole numbers of the currency's smallest unit.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from fractions import Fraction
from zoneinfo import ZoneInfo

DECIMALS = {"ZAR": 2, "JPY": 0, "KWD": 3}


class Refused(Exception):
    """The command breaks a rule; nothing has changed."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def require(holds: bool, code: str) -> None:
    if not holds:
        raise Refused(code)


@dataclass(frozen=True)
class Discount:
    """A percentage or an amount."""

    percent: Fraction = Fraction(0)
    amount: Fraction = Fraction(0)

    def of(self, base: Fraction) -> Fraction:
        return base * self.percent / 100 + self.amount


@dataclass(frozen=True)
class Line:
    """What is billed."""

    quantity: Fraction
    price: Fraction
    rate: Fraction
    discount: Discount = Discount()


@dataclass
class Company:
    """What decides about a company's documents."""

    zone: ZoneInfo
    rounds_by_line: bool
    locked_through: date | None = None
    series: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [1, 1]))

    def require_open(self, day: date) -> None:
        require(self.locked_through is None or day > self.locked_through, "period_locked")

    def today(self) -> date:
        return datetime.now(self.zone).date()

    def set_series(self, year: int, first: int) -> bool:
        """Whether anything changes."""
        require(first >= 1, "date_invalid")
        require(len(set(self.series[year])) == 1, "series_in_use")
        changes = self.series[year] != [first, first]
        self.series[year] = [first, first]
        return changes

    def next_number(self, year: int) -> str:
        first, following = self.series[year]
        self.series[year] = [first, following + 1]
        return f"INV-{year}-{following:06d}"


@dataclass
class Entry:
    """A movement of money; negative where it goes back."""

    kind: str
    amount: int
    at: datetime
    key: str
    reverses: "Entry | None" = None
    id: int = 0


@dataclass
class Document:
    """An invoice and its ledger."""

    company: Company
    currency: str
    lines: list[Line]
    discount: Discount
    inclusive: bool
    issue_date: date
    due_date: date
    id: int = 0
    version: int = 1
    number: str | None = None
    cancelled: bool = False
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        require(self.due_date >= self.issue_date, "due_before_issue")
        self.require_sound()

    @property
    def unit(self) -> int:
        return 10 ** DECIMALS[self.currency]

    @property
    def paid(self) -> int:
        return sum(entry.amount for entry in self.entries)

    @property
    def total(self) -> int:
        return total(self)

    @property
    def status(self) -> str:
        if self.cancelled:
            return "Cancelled"
        if self.number is None:
            return "Draft"
        if self.paid == self.total:
            return "Paid"
        return "PartiallyPaid" if self.paid else "Issued"

    def left_of(self, payment: Entry) -> int:
        return payment.amount + sum(entry.amount for entry in self.entries if entry.reverses is payment)

    # what people do

    def require_sound(self) -> None:
        self._require_fine(self.discount)
        for line in self.lines:
            self._require_fine(line.discount)
            require(line.discount.of(line.quantity * line.price) <= line.quantity * line.price, "discount_invalid")
        gross = Fraction(sum(amounts_of(self)), self.unit)
        require(self.discount.of(gross) <= gross, "discount_invalid")

    def _require_fine(self, discount: Discount) -> None:
        require((discount.amount * self.unit).denominator == 1, "amount_too_precise")

    def edit(self, version: int | None, changes: dict[str, object]) -> None:
        self.require_version(version)
        require(self.status == "Draft", "wrong_status")
        before = {name: getattr(self, name) for name in changes}
        self.__dict__.update(changes)
        try:
            self.require_sound()
        except Refused:
            self.__dict__.update(before)
            raise
        self.version += 1

    def require_deletable(self, version: int | None) -> None:
        self.require_version(version)
        require(self.status == "Draft", "wrong_status")

    def issue(self, version: int | None) -> None:
        self.require_version(version)
        require(self.status == "Draft", "wrong_status")
        require(bool(self.lines), "invoice_without_lines")
        self.company.require_open(self.issue_date)
        self.number = self.company.next_number(self.issue_date.year)
        self.version += 1

    def cancel(self, version: int | None) -> None:
        self.require_version(version)
        require(not self.entries, "has_payments")
        require(self.status in ("Draft", "Issued"), "wrong_status")
        self.company.require_open(self.company.today())
        if self.number:
            self.company.require_open(self.issue_date)
        self.cancelled = True
        self.version += 1

    def pay(self, version: int | None, amount: Fraction, reference: str, paid_at: date | None) -> None:
        self.require_version(version)
        require(self.status in ("Issued", "PartiallyPaid"), "wrong_status")
        units = self._whole(amount)
        require(units <= self.total - self.paid, "payment_exceeds_outstanding")
        self._book([Entry("Payment", units, self._moment(paid_at), reference)])

    def refund(
        self, version: int | None, amount: Fraction, payment_id: int | None, reference: str, paid_at: date | None
    ) -> None:
        self.require_version(version)
        require(self.status in ("PartiallyPaid", "Paid"), "wrong_status")
        units = self._whole(amount)
        payments = [entry for entry in reversed(self.entries) if entry.kind == "Payment"]
        if payment_id is not None:
            payments = [entry for entry in payments if entry.id == payment_id]
            require(bool(payments), "payment_invalid")
        require(units <= sum(self.left_of(payment) for payment in payments), "refund_exceeds_paid")
        moment, refunds = self._moment(paid_at), []
        for payment in payments:
            taken = min(units, self.left_of(payment))
            if taken > 0:
                require(moment >= payment.at, "paid_before_payment")
                refunds.append(Entry("Refund", -taken, moment, "" if refunds else reference, payment))
                units -= taken
        self._book(refunds)

    def reverse(self, version: int | None, payment_id: int, reference: str, paid_at: date | None) -> None:
        payment = next((entry for entry in self.entries if entry.id == payment_id), None)
        if payment is None:
            raise Refused("not_found")
        self.require_version(version)
        require(payment.kind == "Payment", "not_reversible")
        undone = [entry.kind for entry in self.entries if entry.reverses is payment]
        require("Reversal" not in undone, "already_reversed")
        left = self.left_of(payment)
        require(left > 0, "not_reversible")
        moment = self._moment(paid_at)
        require(moment >= payment.at, "paid_before_payment")
        self._book([Entry("Reversal", -left, moment, reference, payment)])

    def require_version(self, version: int | None) -> None:
        require(version is None or version == self.version, "stale_version")

    def _whole(self, amount: Fraction) -> int:
        require((amount * self.unit).denominator == 1, "amount_too_precise")
        require(amount > 0, "payment_invalid")
        return int(amount * self.unit)

    def _moment(self, paid_at: date | None) -> datetime:
        now = datetime.now(UTC)
        if paid_at is None:
            return now
        moment = datetime.combine(paid_at, time.min, tzinfo=self.company.zone)
        require(moment <= now, "paid_in_future")
        return moment

    def _book(self, entries: list[Entry]) -> None:
        keys = {entry.key for entry in self.entries if entry.key}
        for entry in entries:
            self.company.require_open(entry.at.astimezone(self.company.zone).date())
            require(entry.key not in keys, "duplicate_reference")
        self.entries += entries
        self.version += 1


# From lines to the total


def half_up(number: Fraction) -> int:
    return int(number + Fraction(1, 2))


def split(whole: int, weights: list[int]) -> list[int]:
    """`whole` in proportion to the weights; units left over go to the largest remainders, then in order."""
    if not sum(weights):
        return [whole, *[0] * (len(weights) - 1)][: len(weights)]
    exact = [Fraction(whole * weight, sum(weights)) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda position: shares[position] - exact[position])
    for position in by_remainder[: whole - sum(shares)]:
        shares[position] += 1
    return shares


def amounts_of(document: Document) -> list[int]:
    prices = [line.quantity * line.price for line in document.lines]
    return [
        half_up((price - line.discount.of(price)) * document.unit)
        for price, line in zip(prices, document.lines, strict=True)
    ]


def total(document: Document) -> int:
    amounts = amounts_of(document)
    if document.company.rounds_by_line:
        taxed = sorted(
            zip([line.rate for line in document.lines], amounts, strict=True), key=lambda row: (row[0], -row[1])
        )
    else:
        by_rate: dict[Fraction, int] = defaultdict(int)
        for line, amount in zip(document.lines, amounts, strict=True):
            by_rate[line.rate] += amount
        taxed = sorted(by_rate.items())
    base = sum(amounts)
    discount = half_up(document.discount.percent * base / 100 + document.discount.amount * document.unit)
    shares = split(discount, [amount for _, amount in taxed])
    nets = [(rate, amount - share) for (rate, amount), share in zip(taxed, shares, strict=True)]
    if document.inclusive:
        return sum(amount for _, amount in nets)
    return sum(amount + half_up(amount * rate) for rate, amount in nets)
