"""The figures of notebook 05: they show what they were given, and say it in words."""

from __future__ import annotations

import math
from types import SimpleNamespace

import matplotlib
import pytest
from matplotlib import pyplot

from course_lib import figures as viz
from course_lib.training import views

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def history(train=(4.0, 3.0, 2.0), validation=(3.5, 2.5)):
    steps = tuple(range(10, 10 + 10 * len(train), 10))
    val_steps = steps[-len(validation) :]
    return SimpleNamespace(steps=steps, train_losses=train, val_steps=val_steps, val_losses=validation)


def case(letter, again=(2.0, 2.0, 2.0), fresh_loss=2.25, sample="He ran.", **losses):
    return SimpleNamespace(
        letter=letter, history=history(**losses), again=again, fresh_loss=fresh_loss, sample=sample
    )


def lines_named(ax):
    return {line.get_label(): line for line in ax.lines}


def written(ax):
    return [text.get_text() for text in ax.texts]


def test_gradients_are_the_products_of_the_slopes_behind_them():
    ax = views.gradient_flow(["w", "h", "a", "loss"], [1.0, 2.0, 3.0, 4.0], [-2.0, 0.5, 3.0])
    assert {"-3.00", "1.50", "3.00", "1.00"} <= set(written(ax))  # w: -2 · 0.5 · 3, h: 0.5 · 3
    assert {"× -2.00", "× 0.50", "× 3.00"} <= set(written(ax))
    assert ax.course_alt.endswith("the gradients are 1.00 at loss, 3.00 at a, 1.50 at h, -3.00 at w.")
    with pytest.raises(ValueError, match="slopes for 3, values for 2"):
        views.gradient_flow(["w", "h", "loss"], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0])


def test_windows_show_the_line_and_each_inputs_and_targets():
    tokens = ["a", "b", "c", "d", "e", "f", "g"]
    ax = views.windows(tokens, [0, 3], 3)
    tiles = [text for text in written(ax) if len(text) == 1]
    assert sorted(tiles) == sorted([*tokens, *"abc", *"bcd", *"def", *"efg"])
    assert "x a b c, y b c d; x d e f, y e f g" in ax.course_alt and "x  (2, 3)" in written(ax)
    with pytest.raises(ValueError, match="starts=4"):
        views.windows(tokens, [4], 3)  # its last target is beyond the end


def test_the_loop_goes_around_and_can_speak_another_language():
    ax = views.training_loop(words={"loss": "Verlust"})
    alt = ax.course_alt
    order = ["draw a batch", "model(x)", "Verlust", "gradient for each weight", "clip", "optimizer", "rate"]
    places = [alt.index(word) for word in order]
    assert places == sorted(places) and "7 stations" in alt
    with pytest.raises(ValueError, match="colour"):
        views.training_loop(words={"colour": "x"})


def test_paths_begin_and_end_where_they_were_told_to():
    ax = views.valley({"one": [(-2.0, 0.8), (0.0, 0.2)], "two": [(1.0, 0.0)]}, steep=5.0)
    assert list(lines_named(ax)["one"].get_ydata()) == [0.8, 0.2]
    # (4 + 5 · 0.64) / 2 = 3.6 at the start, 5 · 0.04 / 2 = 0.1 at the end
    assert "one starts at height 3.60, ends at height 0.10" in viz.picture(ax).alt


def test_contours_are_level_lines():
    ax = views.valley({"a": [(0.0, 0.0)]}, steep=7.0)
    path = next(path for path in ax.collections[0].get_paths() if len(path.vertices) > 20)
    heights = [x * x + 7.0 * y * y for x, y in path.vertices]
    assert max(heights) / min(heights) < 1.2  # up to the grid on which they are computed


def test_the_lowest_validation_loss_is_ringed():
    run = history(train=(4.0, 2.0, 1.0, 0.5), validation=(4.0, 3.0, 3.25, 5.0))
    ax = views.train_and_validation({"run": run})
    ring = next(line for line in ax.lines if line.get_markersize() == 13)
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (20, 3.0)
    assert "lowest at step 20 with 3.00, 5.00 at the end" in ax.course_alt


def test_each_patient_has_a_chart_with_the_healthy_run_behind():
    cases, healthy = [case(letter) for letter in "ABCDEF"], case("", validation=(3.0, 1.0))
    figure = views.charts(cases, healthy, floor=0.11)
    assert [ax.texts[0].get_text() for ax in figure.axes] == list("ABCDEF")
    for ax in figure.axes:
        assert list(lines_named(ax)["validation, healthy run"].get_ydata()) == [3.0, 1.0]
        assert list(lines_named(ax)["validation"].get_ydata()) == [3.5, 2.5]
    words = viz.picture(figure).alt
    assert "Run F: training 4.00" in words and "The healthy run:" in words and "floor is at 0.11" in words


def test_charts_without_a_patient_stay_white_and_wild_losses_stay_inside():
    figure = views.charts([case(c, train=(4.0, 900.0, 3.0)) for c in "AB"], case(""), floor=0.1)
    assert len(figure.axes) == 2 and all(ax.get_ylim()[1] < 10 for ax in figure.axes)
    figure = views.charts([case(c) for c in "ABCD"], case(""), floor=0.1)
    assert [ax.axison for ax in figure.axes] == [True] * 4 + [False] * 2


def test_findings_show_every_measurement_and_escape_the_text():
    table = views.findings([case("D", again=(2.084, 2.083, 2.0731), sample="<b>  hm")], case(""))
    assert "2.084 2.083 2.073" in table.html and "&lt;b&gt;" in table.html
    first, second = table.text.splitlines()[1:]
    assert first.split()[0] == "D" and second.split()[0] == "healthy"


def test_spaces_that_a_model_writes_can_be_seen():
    table = views.findings([case("E", sample="How" + 40 * " ")], case(""))
    assert "How" + 40 * "·" in table.text


def test_recipes_say_whether_they_helped():
    losses, notes = {"a": 1.5, "b": 1.25, "c": 1.27}, {"a": "x", "b": "y", "c": "z"}
    ax = views.recipe_steps(losses, notes)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert "b 1.25, 0.25 lower (y); c 1.27, 0.02 higher (z)" in ax.course_alt


def test_each_seed_has_a_dot_beside_the_range_of_the_first_row():
    ax = views.seed_dots({"plain": [2.5, 2.75], "new": [2.25, 2.0, 2.5]})
    dots = [list(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
    assert dots == [[2.5, 2.75], [2.25, 2.0, 2.5]]
    shade = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (round(shade.x0, 6), round(shade.x1, 6)) == (2.5, 2.75)
    assert {"2.62", "2.25"} <= set(written(ax)) and "new 2.25, 2.00, 2.50" in ax.course_alt
    with pytest.raises(ValueError, match="at least one"):
        views.seed_dots({"plain": [2.5], "new": []})


def test_a_size_that_was_trained_twice_has_one_tick():
    ax = views.power_law([10.0, 10.0, 40.0], [3.0, 3.5, 2.0], 0.0, 3.0, 0.5, "tokens")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "40"]


def test_a_law_is_drawn_where_it_is():
    a, b, floor, sizes = 3.0, 0.25, 0.5, [10.0, 100.0, 5000.0]
    losses = [floor + a * size**-b for size in sizes]
    ax = views.power_law(sizes, losses, floor, a, b, "parameters")
    dots = next(line for line in ax.lines if line.get_linestyle() == "None")
    line = next(line for line in ax.lines if line.get_linestyle() == "-")
    assert all(math.isclose(y, a * x**-b) for x, y in zip(dots.get_xdata(), dots.get_ydata(), strict=True))
    assert all(math.isclose(y, a * x**-b) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "100", "5k"]
    assert "at 5,000" in ax.course_alt and "power 0.25" in ax.course_alt


def test_axes_that_are_given_are_drawn_on():
    figure, axes = pyplot.subplots(1, 2)
    assert views.power_law([1, 2], [3.0, 2.0], 0.0, 3.0, 0.5, "tokens", ax=axes[1]) is axes[1]
    assert views.valley({"a": [(0.0, 0.0)]}, ax=axes[0]) is axes[0] and figure.axes == list(axes)


def test_a_path_that_left_all_numbers_is_drawn_as_far_as_it_goes():
    told = views.valley({"too fast": [(-2.0, 0.0), (math.inf, 0.0), (math.nan, 0.0)]}).course_alt
    assert "too fast starts at height 2.00, ends at height nan" in told
