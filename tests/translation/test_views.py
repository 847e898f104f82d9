"""The figures of notebook 09 show what they say: texts, shared pieces, bars and intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot

from course_lib import figures as viz
from course_lib.translation import views


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def test_texts_keep_their_characters_and_take_html():
    inner = views.shared(["a"], ["a"])
    view = views.texts({"中文": "“<你好>”", "shared": inner})
    assert "“&lt;你好&gt;”" in view.html and inner.html in view.html
    assert view.text == "中文: “<你好>”\nshared: a(1)"


def test_a_table_has_a_cell_for_each_head():
    view = viz.table(["one", "two"], [["1", "<2>"], ["3", "4"]])
    assert view.html.count("<td") == 4 and "&lt;2&gt;" in view.html
    with pytest.raises(ValueError, match="2 heads"):
        viz.table(["one", "two"], [["1"]])


def test_shared_pieces_by_hand():
    tokens, reference = "a red hat and a hat".split(), "see a red hat , a coat".split()
    assert views.shared(tokens, reference).text == "a(3) red(3) hat(3) and(0) a(1) hat(1)"
    assert views.shared(tokens, reference, longest=2).text == "a(2) red(2) hat(2) and(0) a(1) hat(1)"
    assert views.shared(list("红色"), list("红"), gap="").text == "红(1)色(0)"


def test_longer_matches_are_darker_and_missing_ones_have_no_tint():
    view = views.shared("one two three four five six".split(), "one two three four x six".split())
    tints = [part.split('"')[0] for part in view.html.split('<span style="')[1:]]
    assert len(set(tints)) == 3 and "dotted" in tints[4] and "background" not in tints[4]
    assert tints[0] == tints[3] != tints[5]


WORDS = st.lists(st.sampled_from("abc"), max_size=7)


@given(WORDS, WORDS)
def test_a_shared_length_is_that_of_a_piece_of_both(tokens, reference):
    lengths = [int(part[:-1].split("(")[1]) for part in views.shared(tokens, reference).text.split()]
    assert len(lengths) == len(tokens)
    for i, n in enumerate(lengths):
        starts = range(max(0, i - n + 1), i + 1)
        pieces = [tokens[s : s + n] for s in starts if s + n <= len(tokens)]
        there = [reference[s : s + n] for s in range(len(reference) - n + 1)]
        assert (n == 0 and tokens[i] not in reference) or any(piece in there for piece in pieces)


def test_the_penalty_is_drawn_and_marked():
    ax = views.penalty_curve([(0.2, 0.1), (0.5, 0.4), (1.5, 1.0)], {"half": 1, "all": 2})
    assert list(ax.lines[0].get_ydata()) == [0.1, 0.4, 1.0]
    assert [line.get_xydata()[0].tolist() for line in ax.lines[1:]] == [[0.5, 0.4], [1.5, 1.0]]
    assert "half 0.40, all 1.00" in viz.picture(ax).alt


def test_bars_are_as_long_as_the_scores():
    ax = views.score_bars({"x": {"BLEU": 30.0, "chrF": 50.0}, "y": {"BLEU": 70.0, "chrF": 20.0}})
    assert [bar.get_width() for bar in ax.patches] == [30.0, 70.0, 50.0, 20.0]
    assert ax.course_alt == "x: BLEU 30, chrF 50. y: BLEU 70, chrF 20."
    assert ax.yaxis_inverted()


def test_intervals_and_the_bar():
    rows = {
        "copy": {"one way": (2.0, 1.0, 3.0), "other way": (5.0, 4.0, 7.0)},
        "model": {"one way": (90.0, 85.0, 95.0)},
    }
    ax = viz.scores(rows, "chrF", bar=85)
    spans = [list(line.get_xdata()) for line in ax.lines]
    assert [1.0, 3.0] in spans and [85.0, 95.0] in spans and [85, 85] in spans
    assert len(ax.get_legend().get_texts()) == 2
    assert "model, one way 90.0 (85.0 to 95.0)" in ax.course_alt


def squares(ax):
    return [patch for patch in ax.patches if patch.__class__.__name__ == "Rectangle"]


def test_in_one_text_the_source_may_not_look_ahead():
    drawn = squares(views.pair_masks(4, 3))
    looked = [patch.get_facecolor() != (1.0, 1.0, 1.0, 1.0) for patch in drawn]
    both, one_text = looked[:49], looked[49:]
    assert len(looked) == 98
    for i in range(7):
        for j in range(7):
            assert one_text[7 * i + j] == (j <= i)
            assert both[7 * i + j] == (j < 4 if i < 4 else j <= i)


@pytest.mark.parametrize("sizes", [(0, 3), (3, 9), (2.5, 3)])
def test_masks_are_for_a_few_positions(sizes):
    with pytest.raises(ValueError, match="pair_masks got"):
        views.pair_masks(*sizes)


def test_the_two_ways_predict_the_same_target():
    ax = views.two_ways()
    labels = [text.get_text() for text in ax.texts]
    assert [labels.count(name) for name in ("encoder", "decoder", "GPT", "mark", "end")] == [1, 1, 1, 1, 2]
    assert sum(bool(patch.get_hatch()) for patch in squares(ax)) == 4


def test_each_swapped_source_stands_before_another_target():
    labels = [text.get_text() for text in views.swapped_sources().texts if " " in text.get_text()]
    boxes = [label.split()[1] for label in labels if label.split()[0] in ("source", "target")]
    rows = list(zip(boxes[::2], boxes[1::2], strict=True))
    assert [one == two for one, two in rows] == [True] * 3 + [False] * 3
    assert sorted(one for one, _ in rows[3:]) == sorted(two for _, two in rows[3:]) == ["A", "B", "C"]
