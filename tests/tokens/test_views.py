"""The figures of notebook 01 show what they say: bits, merges, counts, curves and bars."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot

from course_lib.tokens import BPETokenizer
from course_lib.tokens import views as bpe_views
from course_lib.tokens.naive_bpe import learn_merges_naively
from course_lib.tokens.views.rows import labels

PIECES = [b"hug", b" pug", b" hugs"]
MERGES = learn_merges_naively(PIECES, 3)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=5))
def test_the_bold_bits_are_the_code_point(text):
    lines = bpe_views.utf8_table(text).text.split("\n") if text else []
    for character, line in zip(text, lines, strict=True):
        payload = re.findall(r"\|([01]*)", line[len(character) :])
        assert int("".join(payload), 2) == ord(character)


def test_the_bits_in_html():
    page = bpe_views.utf8_table("é<").html
    assert ">110</span><b>00011</b>" in page and ">10</span><b>101001</b>" in page
    assert "&lt;" in page and "195 169" in page


def test_merges_as_the_tokenizer_does_them():
    tokenizer = BPETokenizer(MERGES)
    for piece, tokens in zip(PIECES, bpe_views.after_merges(PIECES, MERGES), strict=True):
        assert tokens == [tokenizer.token_bytes(id) for id in tokenizer.encode(piece.decode())]


def test_each_step_has_a_row_and_frames_its_token():
    table = bpe_views.merge_table(PIECES, MERGES)
    assert len(table.text.splitlines()) == 4 and table.text.splitlines()[-1].endswith(" 6 tokens")
    assert table.html.count("<tr") == 5
    first, second = re.findall(r"<tr.*?</tr>", table.html)[2:4]
    assert first.count("font-weight: bold") == 3  # u g stands in all three pieces
    assert second.count("font-weight: bold") == 2


def test_a_token_keeps_its_tint_from_step_to_step():
    table = bpe_views.merge_table([b"abc", b"ab"], [(b"b", b"c"), (b"a", b"b")])
    tints = set(re.findall(r"background-color: (#\w+)[^>]*>ab<", table.html))
    assert len(tints) == 1 and tints != {"#ffffff"}


def test_a_step_shows_what_comes_next():
    view = bpe_views.merge_step(PIECES, MERGES, 1, top=1)
    assert view.text == "h|ug ·|p|ug ·|h|ug|s  (9 tokens)\nh ug  ## 2"
    assert "9 tokens after step 1" in view.html


def test_when_no_pair_is_left():
    assert bpe_views.pair_counts([[b"a"], []]).text == "no pair is left"


@given(st.sampled_from(["hugs", "bug", "ughug", "x", "雨", ""]))
def test_the_last_row_of_encoding_is_the_tokenizers(piece):
    tokenizer = BPETokenizer([*MERGES, (b"\xe9", b"\x9b")])
    last = bpe_views.encode_table(piece, tokenizer.merges).text.splitlines()[-1]
    now = labels(tokenizer.token_bytes(id) for id in tokenizer.encode(piece))
    assert last.split(maxsplit=1)[-1].split("  ")[-1].strip().endswith("|".join(now))


def test_curves_and_their_words():
    points = {"English": {"bytes": (256, 400.0), "words": (1500, 97.0)}, "Chinese": {"bytes": (256, 410.0)}}
    axes = bpe_views.length_curves(points, {"English": [(256, 400.0), (512, 200.0)], "Chinese": [(256, 9.0)]})
    assert [ax.get_title() for ax in axes] == ["English", "Chinese"]
    assert list(axes[0].lines[0].get_ydata()) == [400.0, 200.0]
    assert axes[0].get_ylim()[1] > 410
    assert "words 1,500 and 97" in axes[0].course_alt
    assert "Byte pairs fall from 400 at 256 to 200 at 512." in axes[0].course_alt


def test_points_alone_have_no_legend():
    axes = bpe_views.length_curves({"English": {"bytes": (256, 400.0)}})
    assert axes[0].get_legend() is None and "Byte pairs" not in axes[0].course_alt


def test_bars_and_their_words():
    ax = bpe_views.token_bars(
        {"both": {"English": 14.0, "Chinese": 12.0}, "one": {"English": 7, "Chinese": 50}}
    )
    assert [bar.get_width() for bar in ax.patches] == [14.0, 12.0, 7, 50]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["English", "Chinese"]
    assert ax.course_alt.endswith("both: English 14, Chinese 12; one: English 7, Chinese 50.")


def test_a_tree_joins_what_the_merges_join():
    ax = bpe_views.merge_tree(b" hugs", [*MERGES, (b"x", b"y")])
    learned = bpe_views.after_merges([b" hugs"], MERGES)[0]
    written = [text.get_text() for text in ax.texts]
    assert written[:5] == ["·", "h", "u", "g", "s"]
    assert all(label in written for label in labels(learned))
    assert sum(label.startswith("merge ") for label in written) == len(ax.lines) / 2 == 5 - len(learned)
    assert ax.course_alt.startswith("The bytes ·, h, u, g, s. Merge 1 makes ")
    with pytest.raises(ValueError, match="at least one byte"):
        bpe_views.merge_tree(b"", MERGES)


def test_a_pair_that_stands_twice_is_joined_twice():
    ax = bpe_views.merge_tree(b"aaaaa", [(b"a", b"a"), (b"aa", b"aa")])
    written = [text.get_text() for text in ax.texts]
    assert [written.count(label) for label in ("a", "aa", "aaaa", "merge 1", "merge 2")] == [5, 2, 1, 2, 1]


def test_layers_lie_above_each_other_and_lose_nothing():
    text, tokenizer = "hug 雨", BPETokenizer([*MERGES, (b"\xe9", b"\x9b")])
    ids = tokenizer.encode(text)
    page = bpe_views.layers_table(text, [tokenizer.token_bytes(id) for id in ids], ids)
    rows = page.html.split("<tr")[1:]
    assert len(rows) == 4
    assert {sum(map(int, re.findall(r'colspan="(\d+)"', row))) for row in rows} == {len(text.encode())}
    assert page.text.splitlines()[3].split()[1::2] == [str(id) for id in ids]
    with pytest.raises(ValueError, match="the bytes of the text"):
        bpe_views.layers_table(text, [b"hug"], [1])
