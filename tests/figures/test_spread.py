"""Lines with intervals and rows with trials: what they draw is what was measured."""

from __future__ import annotations

import matplotlib
import pytest

from course_lib import figures as viz

matplotlib.use("Agg")


def test_bars_reach_to_the_ends_of_the_intervals_and_hide_none():
    line = ([1, 2], [0.3, 0.5], [(0.2, 0.45), (0.5, 0.6)])
    ax = viz.with_intervals({"a": line, "b": line}, "heat", "share")
    bars = [[path.vertices[:, 1].tolist() for path in lines.get_paths()] for lines in ax.collections]
    assert all(ends == [pytest.approx([0.2, 0.45]), pytest.approx([0.5, 0.6])] for ends in bars)
    places = [lines.get_paths()[0].vertices[0, 0] for lines in ax.collections]
    assert places[0] < 1 < places[1] and sum(places) == pytest.approx(2)
    assert "b: 0.3 (0.2 to 0.45) at 1, 0.5 (0.5 to 0.6) at 2." in viz.picture(ax).alt


def test_a_point_outside_of_its_interval_is_refused():
    with pytest.raises(ValueError, match="outside of 2 to 3"):
        viz.with_intervals({"a": ([1], [1.0], [(2.0, 3.0)])}, "n", "loss")
    with pytest.raises(ValueError, match="give equally many"):
        viz.with_intervals({"a": ([1, 2], [1.0], [(0.0, 3.0)])}, "n", "loss")


def test_each_trial_is_a_dot_and_their_mean_a_bar():
    ax = viz.trials({"whole": [1.0, 2.0, 6.0], "half": [4.0]}, "loss", {"counting": 5.0})
    dots = [line.get_xdata().tolist() for line in ax.lines if line.get_marker() == "o"]
    means = [line.get_xdata().tolist() for line in ax.lines if line.get_marker() == "|"]
    assert dots == [[1.0, 2.0, 6.0], [4.0]] and means == [[3.0], [4.0]]
    assert {"3.00", "4.00", "counting"} <= {text.get_text() for text in ax.texts}
    assert (
        viz.picture(ax).alt == "Loss: whole 3.00 (1.00, 2.00, 6.00); half 4.00 (4.00). Marked: counting 5.00."
    )
