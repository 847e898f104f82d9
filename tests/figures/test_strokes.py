"""Boxes, arrows and cells stand where they were put."""

from __future__ import annotations

import matplotlib
import pytest

from course_lib.figures import strokes

matplotlib.use("Agg")


def test_cells_fill_a_table_from_its_upper_left_corner():
    ax = strokes.canvas(None, (3, 2), (0, 10), (0, 10))
    strokes.cells(ax, 1, 8, columns=2, rows=3, size=(2, 1), colour="white")
    corners = {(cell.get_x(), cell.get_y()) for cell in ax.patches}
    assert corners == {(x, y) for x in (1, 3) for y in (7, 6, 5)}


def test_words_for_labels_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="plan"):
        strokes.wording("plan", {"x": "y"}, {"head": "head"})


def test_a_box_without_a_label_has_no_text():
    ax = strokes.canvas(None, (3, 2), (0, 10), (0, 10))
    strokes.box(ax, 1, 1, 2, 2, "", "grey", dashed=True)
    assert not ax.texts and len(ax.patches) == 1


def test_a_look_that_is_given_comes_before_the_usual_one():
    ax = strokes.canvas(None, (3, 2), (0, 10), (0, 10))
    strokes.box(ax, 1, 1, 2, 2, "x", "grey", rounding=0.1, size=7, lw=3, zorder=1)
    strokes.arrow(ax, (3, 2), (8, 2), arrowstyle="<|-|>", lw=2)
    (box,), (label, arrow) = ax.patches, ax.texts
    assert (box.get_linewidth(), box.get_zorder(), box.get_boxstyle().rounding_size) == (3, 1, 0.1)
    assert label.get_fontsize() == 7
    assert arrow.arrow_patch.get_linewidth() == 2 and arrow.arrow_patch.get_arrowstyle().arrow == "<|-|>"
