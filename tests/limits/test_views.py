"""The figures of notebook 12: they show what they were given, and say it in words."""

from __future__ import annotations

import matplotlib
import pytest
from matplotlib import pyplot

from course_lib import figures as viz
from course_lib.limits import views

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def test_pairs_stand_at_their_shares():
    ax = views.against({"one": [(0.25, 0.5)], "other": [(1.0, 0.0), (0.1, 0.2)]}, "told", "said")
    places = [part.get_offsets().tolist() for part in ax.collections]
    assert places == [[[25.0, 50.0]], [[100.0, 0.0], [10.0, 20.0]]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "other"]
    assert "other: 0 at 100, 20 at 10" in viz.picture(ax).alt


def test_the_diagonal_is_where_both_are_equal():
    for ax in (views.against({"a": [(0.5, 0.5)]}, "x", "y"), views.reliability({"a": [(0.5, 0.5, 3)]})):
        assert [list(map(float, part)) for part in ax.lines[0].get_data()] == [[0, 100], [0, 100]]


def test_reliability_shows_each_bin_with_its_interval():
    ax = views.reliability({"all": [(0.1, 0.0, 10), (0.9, 0.8, 10)]})
    assert [float(x) for x in ax.lines[1].get_xdata()] == [10.0, 90.0]
    assert [float(y) for y in ax.lines[1].get_ydata()] == [0.0, 80.0]
    assert len(ax.collections[0].get_segments()) == 2
    assert "90 % sure, 80 % right (49 to 94 %, 10 answers)" in ax.course_alt


@pytest.mark.parametrize(
    "draw",
    [
        lambda: views.against({"a": [(0.5, 1.5)]}, "x", "y"),
        lambda: views.reliability({"a": [(0.5, -0.1, 3)]}),
        lambda: views.reliability({"a": [(0.5, 0.5, 0)]}),
    ],
)
def test_what_is_no_share_is_refused(draw):
    with pytest.raises(ValueError, match="from 0 to 1|between|at least 1"):
        draw()


def test_the_way_of_an_order_ends_at_the_model():
    ax = views.one_row()
    assert [text.get_text() for text in ax.texts if text.get_text()][:4][-1] == "model"
    assert "one row of tokens" in ax.course_alt and viz.picture(ax).alt == ax.course_alt
