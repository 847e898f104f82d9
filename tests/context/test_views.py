"""The figures of notebook 02: they show what they were given, and say it in words."""

from __future__ import annotations

import math

import matplotlib
import pytest
import torch
from matplotlib import pyplot

from course_lib import context
from course_lib import figures as viz
from course_lib.context import views

matplotlib.use("Agg")


def test_the_tables_hold_what_they_were_given():
    page = views.window_table(["<a>", "b"], ["b", "c"])
    assert "&lt;a&gt;" in page.html and page.text.splitlines()[1] == "target  b    c"
    page = views.reach_table(["a", "b", "c"], {"two": 2, "seven": 7, "all": None})
    assert page.text.splitlines() == ["two    . b c", "seven  a b c", "all    a b c"]
    assert page.html.count("dotted") == 1
    page = views.neighbours_table({"红": [("蓝", 0.912), ("<b>", -0.5)]})
    assert page.text == "红: 蓝 0.91, <b> -0.50" and "&lt;b&gt;" in page.html


def test_a_window_without_its_targets_is_an_error():
    with pytest.raises(ValueError):
        views.window_table(["a", "b"], ["b"])


def test_curves_draw_every_point_and_say_where_they_end():
    lines = {"one": ([1, 2, 5], [3.0, 2.0, 1.5]), "other": (range(1, 4), [4.0, 4.5, 7.0])}
    ax = viz.curves(lines, "n", "loss", floor=0.5, chance=0.25, log="xy")
    drawn = [line.get_xydata().tolist() for line in ax.lines[:2]]
    assert drawn == [[[1, 3.0], [2, 2.0], [5, 1.5]], [[1, 4.0], [2, 4.5], [3, 7.0]]]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log") and len(ax.lines) == 4
    assert len({line.get_marker() for line in ax.lines[:2]}) == 2  # not told apart by colour alone
    assert "one goes from 3 to 1.5." in ax.course_alt and "Chance is 0.25." in ax.course_alt


def test_the_ladder_keeps_the_order_and_the_floor():
    ax = viz.loss_ladder({"a": 3.0, "b": 2.0, "c": 1.0}, floor=0.4)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"] == [3.0, 2.0, 1.0]
    assert ax.get_ylim()[0] > ax.get_ylim()[1] and "a 3.00, b 2.00, c 1.00" in ax.course_alt


def test_words_stand_where_their_points_are():
    groups = {"days": ["Monday", "Friday"], "colours": ["red"]}
    points = torch.tensor([[0.0, 0.0], [0.01, 0.0], [5.0, 7.0]])
    ax = views.word_map(points, groups)
    notes = {note.get_text(): note for note in ax.texts}
    assert set(notes) == {"Monday", "Friday", "red"} and list(notes["red"].xy) == [5.0, 7.0]
    assert notes["Monday"].xyann != notes["Friday"].xyann  # beside each other, not on top
    with pytest.raises(ValueError, match="2 points for 3 words"):
        views.word_map(points[:2], groups)


def test_surprise_and_waves_and_turns():
    assert "0.69 at 0.5" in views.surprise_curve((0.5,)).course_alt
    table = context.SinusoidalPositions(5, 6)(slice(0, 5))
    ax = views.position_waves(table)
    assert torch.allclose(torch.as_tensor(ax.images[0].get_array().tolist()), table)
    ax = views.turned_pairs(torch.tensor([0.0, 1.0]), torch.tensor([0.0, -1.0]), (7, 5), -1.0)
    assert "place 7" in ax.course_alt and "-1.00" in ax.get_title()
    _, own = pyplot.subplots()
    assert views.turned_pairs([1.0, 0.0], [1.0, 0.0], (1, 1), 1.0, ax=own) is own


def _labels(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_windows_are_drawn_as_they_are_cut():
    ax = views.cut_windows(torch.tensor([11, 12, 13, 14, 15, 16, 17, 18]), 3)
    x, y = context.windows(torch.tensor([11, 12, 13, 14, 15, 16, 17, 18]), 3)
    for name, rows in (("Inputs", x), ("Targets", y)):
        told = ", ".join(" ".join(map(str, row)) for row in rows.tolist())
        assert f"{name} (2, 3): {told}." in ax.course_alt
    numbers = [label for label in _labels(ax) if label.isdigit()]
    assert sorted(numbers) == sorted(map(str, [*range(11, 19), *x.flatten().tolist(), *y.flatten().tolist()]))
    with pytest.raises(ValueError, match="T=8"):
        views.cut_windows(list(range(8)), 8)  # no target for its last input


def test_a_lookup_brings_the_rows_that_the_ids_name():
    table = torch.tensor([[0.5, 1.0], [0.25, 2.0], [3.0, 4.0]])
    ax = views.lookup(["b", "c", "b"], [1, 2, 1], table)
    labels = _labels(ax)
    assert [labels.count(number) for number in ("0.5", "0.25", "3")] == [
        1,
        3,
        2,
    ]  # in the table, and looked up
    assert "c, 2, gets row 2" in ax.course_alt and "vectors (3, 2)" in labels
    with pytest.raises(ValueError, match="3"):
        views.lookup(["d"], [3], table)


def test_networks_are_drawn_with_their_sizes():
    ax = views.window_network(["a", "b", "c"], 32, 128, 2048)
    labels = _labels(ax)
    assert labels.count("32") == 6 and {"128", "2,048", "a", "b", "c"} <= set(labels)
    assert "side by side 96;" in ax.course_alt
    ax = views.unrolled(["a", "b", "c"])
    assert _labels(ax).count("state") == 3 and "at a, then at b, then at c;" in ax.course_alt


def test_positions_are_added_number_by_number():
    one, other = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.5, 0.0], [0.25, 1.0]])
    ax = views.added_positions(["Tom", "ran"], one, other)
    assert {f"{number:g}" for number in (one + other).flatten().tolist()} <= set(_labels(ax))
    assert ax.course_alt.endswith("Tom: 1 2 + 0.5 0 = 1.5 2. ran: 3 4 + 0.25 1 = 3.25 5.")
    with pytest.raises(ValueError, match="different lengths"):
        views.added_positions(["Tom", "ran"], one, torch.ones(2, 3))


def test_hands_point_where_their_angles_say():
    angles = [[0.0, 0.0], [1.5, 0.25]]
    ax = views.clock_hands(angles)
    arrows = [(text.xyann, text.xy) for text in ax.texts if not text.get_text()]
    drawn = [math.atan2(y - y0, x - x0) for (x0, y0), (x, y) in arrows]
    assert drawn == pytest.approx([angle for row in angles for angle in row])
    assert "Position 1: 1.50, 0.25." in ax.course_alt
    with pytest.raises(ValueError, match="different lengths"):
        views.clock_hands([[0.0], [1.0, 2.0]])
