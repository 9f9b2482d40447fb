"""Published documents and the vectors of other products give the totals that their authors state, to the cent."""

import json
from collections import Counter
from decimal import Decimal

import pytest

from core.money import allocate, quantize
from invoices.totals import ROUND_BY_LINE, ROUND_BY_RATE, Discount, PricedLine, Terms, document_totals

UNSUPPORTED_FEATURES = {
    "document_charge",
    "line_charge",
    "negative_quantity",
    "negative_payable",
    "credit_note",
    "sub_lines",
    "cat_B",
    "price_base_quantity",
}
"""What published e-invoices have and FinTrack's documents do not (`pytest -s` prints which document lacks what)."""

AGREEING_DOCUMENTS = 84

OTHER_POLICIES = {"in-unit-price-four-decimals": "VAT on the line before it is rounded"}
"""Vectors whose product rounds in another way than either of FinTrack's."""

KNOWN_INPUTS = {
    *("lines", "price", "qty", "taxes", "prices_include_tax", "currency", "rounding_step"),
    *("discount_on_gross", "document_discount_amount"),
}

AGREEING_VECTORS = 20

ONE_TAX_GROUPS = {"totals", "rounding", "tax_computation"}


def strict_records(samples):
    with samples.path("einvoice/totals.jsonl").open(encoding="utf-8") as file:
        records = [json.loads(row) for row in file]
    return [record for record in records if record["arithmetic_consistent"] and record.get("en16931_fatal") == []]


def totals_of(record):
    lines = []
    for row in record["lines"]:
        allowances = [entry for entry in row.get("allowances_charges", []) if not entry["charge"]]
        discount = Discount(amount=sum((Decimal(entry["amount"]) for entry in allowances), Decimal(0)))
        rate = Decimal(row.get("tax_rate") or 0) / 100
        lines.append(
            PricedLine(Decimal(row["quantity"]), Decimal(row["unit_price"]), row["tax_category"], rate, discount)
        )
    discount = Discount(amount=Decimal(record["expected"].get("allowance_total") or 0))
    return document_totals(lines, Terms(record["currency"], discount=discount))


def test_published_e_invoices_give_their_totals(samples):
    agreeing, skipped, differing = 0, Counter(), []
    for record in strict_records(samples):
        lacking = UNSUPPORTED_FEATURES & set(record["features"])
        if lacking:
            skipped[record["file"]] = ", ".join(sorted(lacking))
            continue
        totals, expected = totals_of(record), record["expected"]
        ours = [totals.lines_total, totals.subtotal, totals.vat_total, totals.total]
        names = ("line_total", "tax_exclusive", "tax_total", "tax_inclusive")
        if ours == [Decimal(expected.get(name) or 0) for name in names]:
            agreeing += 1
        else:
            differing.append((record["file"], ours))

    print(f"{agreeing} published e-invoices agree; {len(skipped)} have what FinTrack's documents lack:")
    for file, lacking in skipped.items():
        print(f"  {file}: {lacking}")
    assert differing == []
    assert agreeing == AGREEING_DOCUMENTS


def peer_vectors(samples):
    return [vector for vector in samples.json("peers/vectors.json") if vector["group"] in ONE_TAX_GROUPS]


def terms_and_lines(vector):
    """The vector as our calculator takes it; None where it asks for what FinTrack's documents do not have."""
    inputs, policy = vector["inputs"], vector.get("policy")
    if set(inputs) - KNOWN_INPUTS or policy == "sum_by_net" or inputs.get("rounding_step", "0.01") not in ("0.01", "1"):
        return None
    rows = inputs.get("lines") or [
        {
            "qty": inputs["qty"],
            "price": inputs["price"],
            "tax_rates": [tax.get("rate") for tax in inputs["taxes"]],
        }
    ]
    included = inputs.get("prices_include_tax") or any(tax.get("included") for tax in inputs.get("taxes", []))
    if any(
        len(row.get("tax_rates", [])) > 1 or set(row) - {"qty", "price", "tax_rates", "discount_amount"} for row in rows
    ):
        return None
    by_line = policy in ("line", "round_per_line")
    currency = "CLP" if inputs.get("rounding_step") == "1" else inputs.get("currency", "EUR")
    discount = Discount(amount=Decimal(inputs.get("discount_on_gross") or inputs.get("document_discount_amount") or 0))
    return Terms(currency, bool(included), ROUND_BY_LINE if by_line else ROUND_BY_RATE, discount), [
        _peer_line(row) for row in rows
    ]


def _peer_line(row):
    rate = Decimal((row.get("tax_rates") or ["0"])[0]) / 100
    discount = Discount(amount=Decimal(row.get("discount_amount", 0)))
    return PricedLine(Decimal(row["qty"]), Decimal(row["price"]), "S" if rate else "Z", rate, discount)


def test_vectors_of_other_products_agree_under_their_policy(samples):
    agreeing, skipped = 0, []
    for vector in peer_vectors(samples):
        case = terms_and_lines(vector)
        if case is None or vector.get("peer_specific") or vector["id"] in OTHER_POLICIES:
            skipped.append(vector["id"])
            continue
        totals = document_totals(case[1], case[0])
        ours = {
            "net": totals.subtotal,
            "total_excluded": totals.subtotal,
            "tax": totals.vat_total,
            "total": totals.total,
            "gross": totals.total,
            "total_included": totals.total,
        }
        expected = {name: Decimal(value) for name, value in vector["expected"].items() if name in ours}
        assert {name: ours[name] for name in expected} == expected, vector["id"]
        agreeing += 1

    print(f"{agreeing} vectors of other products agree; not FinTrack's kind of document: {', '.join(skipped)}")
    assert agreeing == AGREEING_VECTORS


@pytest.mark.parametrize("group", ["round_half_up", "minor_units", "allocation"])
def test_roundings_of_other_products_agree(samples, group):
    for vector in samples.json("peers/vectors.json"):
        if vector["group"] != group:
            continue
        inputs, expected = vector["inputs"], vector["expected"]
        if group == "round_half_up":
            assert quantize(Decimal(inputs["value"]), decimals=inputs["decimals"]) == Decimal(expected["rounded"])
        elif group == "minor_units":
            rounded = quantize(Decimal(inputs["value"]), decimals=inputs["decimals"])
            assert rounded.scaleb(inputs["decimals"]) == expected["minor_units"]
        else:
            shares = allocate(
                Decimal(inputs["tax_total"]), [Decimal(amount) for amount in inputs["amounts"]], decimals=0
            )
            assert shares == [Decimal(amount) for amount in expected["line_taxes"]]
