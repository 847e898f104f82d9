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


@pytest.mark.parametrize("tokens", [["Lily"], ["Lily", "saw", "Tom"]], ids=len)
def test_attention_goes_from_earlier_streams_to_later_ones_only(tokens):
    ax = views.streams(tokens)
    ends = [(t.get_position()[1], t.xy[1]) for t in ax.texts if getattr(t, "arrow_patch", None)]
    fetched = [(a, b) for a, b in ends if round(b - 0.3) % 5 == 0 and round(a) % 5 == 0]
    assert len(fetched) == len(tokens) * (len(tokens) + 1) // 2 and all(b <= a + 0.5 for a, b in fetched)
    assert [text.get_text() for text in ax.texts].count("+") == 2 * len(tokens)


def test_the_mlp_joins_all_with_all_and_bends_each_by_itself():
    ax = views.mlp_plan(2, 5)
    dots = [len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
    assert dots == [2, 5, 5, 2]
    assert len([line for line in ax.lines if line.get_marker() != "o"]) == 2 * 5 + 5 + 5 * 2


def test_the_block_has_the_modules_of_the_class_and_their_shapes():
    from course_lib.config import GPTConfig
    from course_lib.model import GPT, anatomy

    shown = {text.get_text() for text in views.block_plan().texts}
    model = GPT(GPTConfig(vocab_size=7, context_length=4, n_layers=1, n_heads=1, width=8))
    sizes = {8: "(B, T, C)", 24: "(B, T, 3C)", 32: "(B, T, 4C)"}
    for stage in anatomy.shapes(model, model.positions.weight.new_zeros(1, 2).long()):
        *path, name = stage.name.split(".")
        if path[:1] == ["blocks"] and name.isalnum() and not name.isdigit():
            assert {name, sizes[stage.shape_out[-1]]} <= shown


def test_each_id_picks_its_row_and_both_ends_have_their_sizes():
    from course_lib.figures.colours import SKY

    ax = views.ends_plan(["a", "b"], [4, 0], vocabulary=6, width=3)
    table = [cell for cell in ax.patches if cell.get_x() == 20]
    assert {cell.get_y() for cell in table} == {-6, -5, -4, -3, -2, -1}
    assert {cell.get_y() for cell in table if matplotlib.colors.to_hex(cell.get_facecolor()) == SKY} == {
        -5,
        -1,
    }
    assert "a is id 4, b is id 0" in ax.course_alt and ax.course_alt.endswith("logits: 2 rows of 6.")


def test_a_drawing_takes_words_of_another_language():
    assert "Strom" in {t.get_text() for t in views.block_plan(words={"stream": "Strom"}).texts}
    with pytest.raises(ValueError, match="mlp_plan"):
        views.mlp_plan(words={"x": "y"})
