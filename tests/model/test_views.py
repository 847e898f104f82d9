"""The figures of notebook 04: they show what they were given, and say it in words."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest

from course_lib import figures as viz
from course_lib.model import views

matplotlib.use("Agg")


def test_the_plan_names_its_parts():
    labels = [text.get_text() for text in views.gpt_plan().texts]
    assert {"ids", "attention", "MLP", "head", "logits"} <= set(labels) and labels.count("norm") == 3
    assert "residual stream" in viz.picture(views.gpt_plan()).alt


def test_the_shape_table_escapes_and_names_sizes():
    stage = SimpleNamespace(name="<a>", kind="B", parameters=1234, shape_in=None, shape_out=(2, 64))
    table = views.shape_table([stage], {64: "C"})
    assert "&lt;a&gt;" in table.html and "(2, C)" in table.html and "1,234" in table.text


def test_bars_have_the_length_of_the_shares():
    ax = views.part_bars({"small": {"a": 1, "b": 3}, "large": {"a": 8, "b": 2}})
    widths = [round(bar.get_width(), 3) for bar in ax.patches]
    assert widths == [0.25, 0.75, 0.8, 0.2]
    assert np.allclose([bar.get_x() for bar in ax.patches], [0, 0.25, 0, 0.8])
    assert "large (10 in all): a 80%, b 20%." in viz.picture(ax).alt


@pytest.mark.parametrize("counts", [{}, {"empty": {"a": 0}}])
def test_bars_of_nothing_are_refused(counts):
    with pytest.raises(ValueError, match="at least one model"):
        views.part_bars(counts)
