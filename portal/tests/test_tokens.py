"""The promise: a token is made by us for one link, or it is none."""

from typing import Any

import pytest

from portal.tokens import is_signed, read_token, token_of

NONCE = "n" * 32


def test_a_token_is_read_as_it_was_made() -> None:
    token = token_of(42, NONCE)

    link_id, signature = read_token(token) or (0, "")

    assert (token[:3], len(token), link_id) == ("42.", 46, 42)
    assert is_signed(42, NONCE, signature)


def test_a_signature_is_good_for_one_link_with_one_nonce_under_one_secret(settings: Any) -> None:
    signature = token_of(42, NONCE).removeprefix("42.")
    others = [
        is_signed(43, NONCE, signature),
        is_signed(42, "m" * 32, signature),
        is_signed(4, f"2.{NONCE}", signature),
    ]
    settings.SECRET_KEY = "x" * 40

    assert [*others, is_signed(42, NONCE, signature)] == [False] * 4


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "42",
        "42.",
        f"0.{'A' * 43}",
        f"042.{'A' * 43}",
        f"{2**63}.{'A' * 43}",
        f"٤.{'A' * 43}",
        f"1.{'A' * 43}\n",
    ],
)
def test_what_cannot_be_a_token_is_none(token: str) -> None:
    assert read_token(token) is None


def test_the_last_character_has_no_twins() -> None:
    # base64 leaves bits of it unused: tokens are compared as texts, not as bytes
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    signature = token_of(42, NONCE).removeprefix("42.")

    assert sum(is_signed(42, NONCE, signature[:-1] + last) for last in alphabet) == 1
