"""Boxes, arrows and cells stand where they were asked for."""

import pytest
from matplotlib import pyplot
from matplotlib.patches import Rectangle

from course_lib.figures.axes import axes_for, dot
from course_lib.figures.flow import arrow, box, canvas, cells, note


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def test_cells_stand_side_by_side_and_empty_ones_are_hatched():
    ax = canvas(None, 40, 10)
    assert cells(ax, (1, 2), ["a", "b", ""], ["#eeeeee", "white", ""], (3, 2)) == [2.5, 5.5, 8.5]
    drawn = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert [patch.get_bbox().bounds for patch in drawn] == [(1, 2, 3, 2), (4, 2, 3, 2), (7, 2, 3, 2)]
    assert [bool(patch.get_hatch()) for patch in drawn] == [False, False, True]
    assert [text.get_text() for text in ax.texts] == ["a", "b", ""]


def test_cells_need_a_colour_each():
    with pytest.raises(ValueError, match="a colour for each of 2 labels"):
        cells(canvas(None, 9, 9), (0, 0), ["a", "b"], ["white"])


def test_an_arrow_leads_from_its_start_to_its_end():
    ax = canvas(None, 40, 10)
    box(ax, (1, 1, 4, 4), "here", "black")
    arrow(ax, (5, 3), (20, 3))
    note(ax, (20, 5), "there", align="right")
    assert ax.texts[1].xyann == (5, 3) and ax.texts[1].xy == (20, 3)
    assert [text.get_text() for text in ax.texts] == ["here", "", "there"]
    assert ax.figure.get_size_inches().tolist() == [4.0, 1.0]


@pytest.mark.parametrize("interval", [(0.495, 0.505), (0.0, 1.0)])
def test_the_ends_of_an_interval_are_higher_than_its_mark(interval):
    ax = axes_for(None, (4, 3))
    dot(ax, 0, 0.5, interval, "black", "o", None)
    ends, mark = ax.lines
    assert tuple(ends.get_xdata()) == interval and ends.get_marker() == "|"
    assert ends.get_markersize() > mark.get_markersize() + mark.get_markeredgewidth()
