"""The figures of notebook 10: they show what they were given, and say it in words."""

from __future__ import annotations

import matplotlib
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot

from course_lib import figures as viz
from course_lib.intervals import wilson
from course_lib.sentiment import views

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def points(ax):
    """The places of all single marks."""
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in ax.lines
        if len(line.get_xdata()) == 1
    ]


def test_weights_show_both_ends_and_leave_out_the_middle():
    words = ["a", "b", "c", "d", "e"]
    ax = views.weights(words, torch.tensor([0.5, -3.0, 0.0, 2.0, -1.0]), top=2)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["b", "e", "a", "d"]
    assert [bar.get_width() for bar in ax.patches] == [-3.0, -1.0, 0.5, 2.0]
    assert viz.picture(ax).alt == "Weights, lowest first: b -3.0, e -1.0, a 0.5, d 2.0."


def test_few_words_stand_there_once_each():
    ax = views.weights(["x", "y", "z"], [1.0, -1.0, 0.0], top=2)
    assert len(ax.patches) == 3


def test_weights_need_a_weight_for_each_word():
    with pytest.raises(ValueError, match="2 words and 3 weights"):
        views.weights(["a", "b"], [1.0, 2.0, 3.0])


def test_groups_have_marks_at_their_shares_and_a_line_for_the_interval():
    rows = {"bag": {"one": (3, 4), "two": (1, 5)}, "GPT": {"one": (4, 4), "two": (5, 5)}}
    around = {name: {"one": (0.4, 1.0), "two": (0.1, 0.9)} for name in rows}
    ax = views.by_group(rows, around)
    assert [x for x, _ in points(ax)] == [75.0, 20.0, 100.0, 100.0]
    spans = [tuple(map(float, line.get_xdata())) for line in ax.lines if line.get_marker() == "|"]
    assert spans == [(40.0, 100.0), (10.0, 90.0)] * 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
    assert ax.course_alt.endswith("GPT: one 100 % (40 % to 100 %), two 100 % (10 % to 90 %).")


def test_labels_are_drawn_side_by_side_in_their_order():
    curves = {"a": [(1, 2), (3, 4), (7, 7)], "b": [(2, 2), (2, 4), (0, 7)]}
    around = {name: [(0.1, 0.9)] * 3 for name in curves}
    ax = views.by_labels([20, 60, 200], curves, around)
    lines = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert list(lines["a"].get_ydata()) == [50.0, 75.0, 100.0]
    assert all(x < y for x, y in zip(lines["a"].get_xdata(), lines["b"].get_xdata(), strict=True))
    assert "b: 100 % with 20 labelled texts, 50 % with 60, 0 % with 200." in ax.course_alt


def test_a_confusion_matrix_keeps_rows_for_the_truth():
    ax = views.confusion(torch.tensor([[5, 2], [3, 7]]), ["bad", "good"])
    assert [text.get_text() for text in ax.texts] == ["5", "2", "3", "7"]
    assert ax.get_ylabel() == "true" and ax.get_xlabel() == "predicted"
    assert ax.course_alt.startswith("Of 7 that are bad: 5 called bad, 2 called good.")


def test_three_labels_and_an_empty_row():
    ax = views.confusion([[0, 0, 0], [1, 2, 3], [0, 0, 5]], ["a", "b", "c"])
    assert len(ax.texts) == 9 and "Of 0 that are a" in ax.course_alt


def test_sureness_makes_larger_dots_for_more_texts():
    ax = views.sureness({"before": [(0.6, 0.5, 10), (0.95, 0.7, 40)], "after": [(0.7, 0.7, 20)]})
    intervals, dots, *_ = ax.collections
    small, large = dots.get_sizes()
    assert small < large
    assert dots.get_offsets().tolist() == [[60.0, 50.0], [95.0, 70.0]]
    low, high = wilson(5, 10)
    assert intervals.get_segments()[0][:, 1].tolist() == pytest.approx([100 * low, 100 * high])
    assert "before: 60 % sure, 50 % right (24 to 76 %, 10 texts); 95 % sure, 70 % right (" in ax.course_alt


def test_unfolding_reads_from_top_to_bottom():
    ax = views.unfolding(["One.", "Two.", "Three."], {"GPT": [0.5, 0.75, 1.0], "bag": [0.0, 0.25, 0.5]})
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert list(ax.lines[0].get_xdata()) == [50.0, 75.0, 100.0]
    assert ax.course_alt.endswith('After "Three.": GPT 100 %, bag 50 %.')


def test_marked_words_are_coloured_by_their_sign_and_safe():
    shown = views.marked(["<b>", "not", "a"], [2.0, -1.0, 0.0])
    assert "&lt;b&gt;" in shown.html and "<b>" not in shown.html
    assert "rgba(86, 180, 233, 1.00)" in shown.html and "rgba(230, 159, 0, 0.50)" in shown.html
    assert str(shown) == "<b>(+2.0) not(-1.0) a"


def test_marked_needs_a_value_for_each_word():
    with pytest.raises(ValueError, match="1 words and 2 values"):
        views.marked(["a"], [1.0, 2.0])


@given(st.lists(st.floats(-50, 50), max_size=7), st.one_of(st.none(), st.floats(0.1, 10)))
def test_marked_takes_any_values(values, largest):
    shown = views.marked(["w"] * len(values), values, largest)
    assert shown.html.count("title=") == len(values)


def test_the_head_reads_the_last_real_token():
    ax = views.read_out([["start", "I", "love", "it"], ["start", "Awful"]])
    labels = [text.get_text() for text in ax.texts]
    assert [labels.count(name) for name in ("x4", "x2", "bad", "good", "head")] == [1, 2, 2, 2, 1]
    assert sum(bool(patch.get_hatch()) for patch in ax.patches) == 4
    bright = [p.get_x() for p in ax.patches if p.get_facecolor()[2] < 0.75]
    assert bright == [2 + 33, 2 + 11]
    assert "of text 2, with 2 tokens, number 2" in ax.course_alt


def test_branches_show_each_log_probability():
    after, alone = {"bad": [-2.0, -0.5], "good": [-1.5]}, {"bad": [-3.0, -0.5], "good": [-1.0]}
    labels = [text.get_text() for text in views.branches(after, alone).texts]
    assert [labels.count(name) for name in ("-2.0", "-0.5", "-3.0", "-1.0", "bad")] == [1, 2, 1, 1, 2]
    with pytest.raises(ValueError, match="good"):
        views.branches(after, {"bad": [-3.0, -0.5]})
