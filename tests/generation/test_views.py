"""The figures of notebook 06: what they draw, what they say, and what becomes of odd input."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import pytest
import torch

from course_lib import figures as viz
from course_lib.generation import views


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No figure stays open after a test."""
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def lengths(ax) -> list[float]:
    return [round(bar.get_width(), 4) for bar in ax.patches]


def test_reshaped_sorts_by_what_was_before_and_marks_what_is_gone():
    before = torch.tensor([0.2, 0.5, 0.3])
    after = {"one": torch.tensor([0.0, 0.75, 0.25]), "two": torch.tensor([0.4, 0.3, 0.3])}
    figure = views.reshaped(before, after, ["<a>", "b", "c"], top=2)
    first, second = figure.axes
    assert lengths(first) == [0.75, 0.25, 0.5, 0.3] and lengths(second) == [0.3, 0.3, 0.5, 0.3]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["b", "c"]
    assert first.course_alt.endswith("After two: b 0.30, c 0.30.")
    whole = views.reshaped(before, after, ["<a>", "b", "c"])
    assert "<a> out" in whole.axes[0].course_alt
    crosses = [line for ax in whole.axes for line in ax.lines if line.get_marker() == "x"]
    assert [list(line.get_ydata()) for line in crosses] == [[2]]
    assert viz.picture(whole).alt.startswith("Probabilities before: b 0.50")


def test_dice_fall_where_the_draw_says():
    from course_lib.generation import draw

    probabilities = torch.tensor([0.5, 0.25, 0.125, 0.125])  # exact in binary, so that borders are too
    dice = [0.0, 0.3, 0.5, 0.6, 0.8, 0.99]
    ax = views.end_to_end(probabilities, ["a", "b", "c", "d"], dice)
    chosen = draw(probabilities.log().expand(6, 4), torch.tensor(dice))
    for die, token in zip(dice, chosen.tolist(), strict=True):
        assert f"A die of {die:.2f} falls on {'abcd'[token]}." in ax.course_alt
    assert lengths(ax) == probabilities.tolist()


def test_the_tree_joins_beginnings():
    steps = [[("a", 0.6), ("no", 0.4)], [("a b", 0.3), ("a c", 0.2), ("no b", 0.36)]]
    ax = views.beam_tree(steps, ["a", "no", "no b"], start="go")
    joined = [line.get_linestyle() for line in ax.lines]
    assert len(joined) == 5 and joined.count("-") == 3
    assert "Step 2: a b 0.30, a c 0.20, no b 0.36 (kept)." in ax.course_alt
    assert [text.get_text() for text in ax.texts][:2] == ["go", "a  0.60"]


def test_histogram_counts_all():
    ax = views.chances_histogram(torch.tensor([10.0, 20, 20, 60]), {"beam": 5.0, "greedy": 7.0}, "nats")
    assert sum(bar.get_height() for bar in ax.patches) == 4
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["beam", "greedy"]
    assert "from 10 to 60, their mean 28" in ax.course_alt


@pytest.mark.parametrize(("prompt", "new"), [(1, 1), (3, 5)])
def test_the_cache_computes_each_token_once(prompt, new):
    without, cached = views.cache_picture(prompt, new).axes
    dark = [sum(not p.get_hatch() for p in ax.patches) for ax in (without, cached)]
    assert dark == [sum(prompt + step for step in range(new)), prompt + new - 1]
    assert len(without.patches) == len(cached.patches)
    assert f"= {dark[1]}." in without.course_alt


def test_the_loop_comes_back_to_its_text():
    ax = views.loop_plan()
    (back,) = ax.lines
    ends = [text.xy for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert ends[-1][0] == back.get_xdata()[-1] and len(ends) == 7
    assert viz.picture(ax).alt.startswith("The loop that writes.")


@pytest.mark.parametrize("tokens", [["Lily"], ["Lily", "saw", "·She"]], ids=len)
def test_only_the_last_token_is_computed_and_asks_all_keys(tokens):
    from course_lib.figures.colours import RED

    ax = views.cache_plan(tokens, width=2)
    remembered = [cell for cell in ax.patches if cell.get_hatch()]
    assert len(remembered) == 2 * 2 * (len(tokens) - 1) and len(ax.patches) - len(remembered) == 5 * 2
    arrows = [t.arrow_patch.get_edgecolor() for t in ax.texts if getattr(t, "arrow_patch", None)]
    assert arrows.count(matplotlib.colors.to_rgba(RED)) == len(tokens) + 2
    assert ("remembered" in ax.course_alt) == (len(tokens) > 1)


def test_batch_stands_flush_right():
    table = views.batch_table([["<b>"], ["·x", "y", "z"]])
    assert table.text.splitlines()[0].split() == [".", ".", "<b>"]
    assert "<b>" not in table.html and table.html.count("&middot;&middot;&middot;") == 2
    assert table.html.count("<tr") == 2


def test_quality_curve_shows_its_intervals():
    points = [("T = 1", 0.9, 0.3, (0.2, 0.45)), ("T = 2", 0.95, 0.0, (0.0, 0.1))]
    ax = views.quality_curve({"plain": points, "cut": points[:1]}, ("the world", 0.93, 1.0))
    assert [text.get_text() for text in ax.texts] == ["T = 1", "T = 2", "T = 1"]
    bars = [path.vertices[:, 1].tolist() for path in ax.collections[0].get_paths()]
    assert [sorted(ends) for ends in bars] == [
        pytest.approx([0.2, 0.45]),
        pytest.approx([0.0, 0.1], abs=1e-9),
    ]
    assert "cut: T = 1 at 0.90, 0.30 (0.20 to 0.45)" in ax.course_alt
    names = {text.get_text() for text in ax.get_legend().get_texts()}
    assert names == {"plain", "cut", "the world"}


def test_axes_of_ones_own_are_used():
    from matplotlib import pyplot

    own = pyplot.subplots()[1]
    assert views.end_to_end([1.0], ["a"], ax=own) is own


def test_the_plan_of_a_storyteller_names_each_part_once_a_lane():
    ax = views.storyteller_plan(words={"story": "Geschichte"})
    shown = [text.get_text() for text in ax.texts if text.get_text()]
    assert shown.count("Tokenizer") == 2 and "Geschichte" in shown and "story" not in shown
    for part in ("windows", "train", "AdamW", "learning_rate", "cross_entropy", "GPT", "choose", "generate"):
        assert shown.count(part) == 1 and part in ax.course_alt
    with pytest.raises(ValueError, match="words"):
        views.storyteller_plan(words={"tale": "x"})
