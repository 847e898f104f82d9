"""The figures of notebook 08: they show what they were given, and say it in words."""

from __future__ import annotations

import matplotlib
import pytest
from matplotlib import pyplot

from course_lib import figures as viz
from course_lib.finetuning import views

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def test_what_counts_is_marked():
    view = viz.learned(["<story>", "\nA:", " Mia", "\n"], [False, False, True, True])
    assert view.text == "<story>\nA:[ Mia][⏎]"
    assert view.html.count("background-color") == 2 and "&lt;story&gt;" in view.html
    with pytest.raises(ValueError, match="2 pieces and 1 marks"):
        viz.learned(["a", "b"], [True])


def test_shares_are_dots_with_their_intervals():
    ax = viz.shares({"a": (1, 4), "b": (9, 10)}, {"a": (0.05, 0.7), "b": (0.6, 1.0)}, "right", 0.9)
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert dots == [25, 90]
    assert "b 90 % (60 % to 100 %)" in viz.picture(ax).alt


def test_rates_and_sizes_draw_what_they_are_given():
    ax = views.rates([0.1, 0.2, 0.3], [1.0, 0.5, 0.7], [0.4, 0.5, 2.0], before=0.4)
    assert [list(line.get_ydata()) for line in ax.lines[:2]] == [[1.0, 0.5, 0.7], [0.4, 0.5, 2.0]]
    ax = views.lora_sizes([1, 2, 4], [10, 20, 40], full=100, here=2)
    assert list(ax.lines[0].get_ydata()) == [10, 20, 40] and list(ax.lines[-1].get_xdata()) == [2]


def test_the_side_path_names_its_matrices():
    texts = [text.get_text() for text in views.side_path(3, 5, 2, {"learned": "lernt"}).texts]
    assert "A (2 × 3)\nlernt" in texts and "B (5 × 2)\nlernt" in texts and "W (5 × 3)\nfrozen" in texts


def test_a_batch_shows_its_filling_and_what_is_learned():
    ax = views.padded([[5, 7, 3], [4, 0, 0]], [[-100, 3, 9], [8, -100, -100]], [3, 1])
    words = [text.get_text() for text in ax.texts]
    assert words.count("fill") == 2 and [words.count(word) for word in "3987"] == [2, 1, 1, 1]
    assert "Row 2 reads 4 and learns 8. 2 places are filled up" in viz.picture(ax).alt
    with pytest.raises(ValueError, match="padded"):
        views.padded([[5, 7]], [[5]], [2])


def test_each_run_stands_where_it_learned_and_forgot():
    runs = {"full": [(0.6, 0.9, "low"), (0.5, 2.0, "high")], "LoRA": [(0.7, 0.8, "")]}
    ax = views.trade_off(runs, before=0.4)
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines[:2]] == [
        ([0.6, 0.5], [0.9, 2.0]),
        ([0.7], [0.8]),
    ]
    assert "high answers 0.50, stories 2.00" in ax.course_alt
    with pytest.raises(ValueError, match="above 0"):
        views.trade_off({"full": [(0.0, 1.0, "")]}, before=0.4)


def test_the_layers_that_learn_are_counted():
    words = [text.get_text() for text in views.upper_layers(12, 5).texts]
    assert "7 layers\nfrozen: computed once" in words and "5 layers with\nside paths: learn" in words
    with pytest.raises(ValueError, match="from 1 to 11"):
        views.upper_layers(12, 12)
