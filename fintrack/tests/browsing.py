"""What browser tests share: their marks, and what a person does on every form."""

from pathlib import Path
from typing import Any

import pytest

CHROMIUM = "/usr/bin/chromium"

BROWSER_TEST = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]


def choose_customer(page: Any, name: str) -> None:
    page.click("#id_customer + .select2")
    page.fill(".select2-search__field", name)
    page.click(f".select2-results__option:has-text('{name}')")


def type_line(page: Any, index: int, description: str, quantity: str, unit_price: str) -> None:
    page.fill(f"#id_lines-{index}-description", description)
    page.fill(f"#id_lines-{index}-quantity", quantity)
    page.fill(f"#id_lines-{index}-unit_price", unit_price)


EVERYTHING = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
CONTRAST = ("color-contrast",)
FIND_VIOLATIONS = """
runOnly => axe.run(document, {runOnly, resultTypes: ['violations']}).then(
    found => found.violations.flatMap(
        rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.html.slice(0, 160)}`)))
"""
"""The lines are made in the page: all that axe found is a hundred times as much to hand over."""


def contrast_and_names(page: Any, axe: str, rules: tuple[str, ...] = EVERYTHING) -> list[str]:
    """What axe-core finds against WCAG 2 A and AA on the page as it is, or against some rules: rule, and where."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe)
    found: list[str] = page.evaluate(FIND_VIOLATIONS, list(rules))
    return found
