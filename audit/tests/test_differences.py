"""Which words differ: every character of both texts is there again, and what is the same is not marked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.differences import LONGEST_COMPARED, marked


@pytest.mark.parametrize(
    ("old", "new", "old_pieces", "new_pieces"),
    [
        ("12 Long St", "14 Long St", [("12", True), (" Long St", False)], [("14", True), (" Long St", False)]),
        ("100.00", "150.00", [("100.00", True)], [("150.00", True)]),
        ("same", "same", [("same", False)], [("same", False)]),
        ("a b", "c d", [("a b", True)], [("c d", True)]),
    ],
)
def test_only_what_differs_is_marked(old, new, old_pieces, new_pieces):
    before, after = marked(old, new)

    assert (before, after) == (old_pieces, new_pieces)
    assert ("".join(text for text, _ in before), "".join(text for text, _ in after)) == (old, new)


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_is_lost_or_added(old, new):
    before, after = marked(old, new)

    assert "".join(text for text, _ in before) == old
    assert "".join(text for text, _ in after) == new
    assert [text for text, differs in before if not differs and text.strip()] == [
        text for text, differs in after if not differs and text.strip()
    ]


def test_long_texts_are_not_compared_word_by_word():
    long = "word " * LONGEST_COMPARED

    assert marked(long, "word") == ([(long, True)], [("word", True)])
