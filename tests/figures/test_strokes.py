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
