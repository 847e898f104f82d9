"""The figures of attention: maps, steps, masks, heads, and who reads what in a text."""

from __future__ import annotations

import math

import matplotlib
import numpy as np
import pytest
import torch

from course_lib import figures as viz
from course_lib.attention import views

matplotlib.use("Agg")


def test_one_head_as_a_table():
    attn = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    page = views.attention_map(attn, ["猫", "<b>"])
    assert "猫 looks at 猫: 1.000" in page.html and "&lt;b&gt; looks at 猫: 0.250" in page.html
    assert page.html.count("transparent; width") == 1


def test_queries_and_keys_of_different_number():
    assert views.attention_map(torch.ones(2, 3) / 3, ["a", "b"], ["x", "y", "z"]).text.count("0.33") == 6
    with pytest.raises(ValueError, match="2 x 3"):
        views.attention_map(torch.ones(2, 3), ["a", "b"])


def test_tensors_with_gradients_are_accepted_and_stay():
    attn = torch.rand(2, 4, 4, requires_grad=True)
    views.head_maps({"head 0": attn[0]}, list("abcd"))
    views.attention_map(attn[0], list("abcd"))
    assert attn.requires_grad and attn.grad is None


def mask_by_loops(T):
    mask = torch.zeros(T, T, dtype=torch.bool)
    for t in range(T):
        for s in range(t + 1):
            mask[t, s] = True
    return mask


def window_by_loops(T, window):
    return torch.tensor([[t - window < s <= t for s in range(T)] for t in range(T)])


def test_number_table_shows_what_it_was_given():
    table = viz.number_table(torch.tensor([[0.5, 0.0, 1.25]]), ["<a>"], ["x", "y", "z"])
    assert table.text.splitlines() == ["        x     y     z", "<a>  0.50  0.00  1.25"]
    assert "&lt;a&gt;" in table.html and "<a>" not in table.html.replace("&lt;a&gt;", "")
    shaded = viz.number_table([[0.0, 0.5]], ["a"], ["x", "y"], shade=True)
    assert shaded.text.split() == ["x", "y", "a", ".", "0.50"] and shaded.html.count("#0072b2") == 1
    with pytest.raises(ValueError, match="got 1 x 2 numbers and 2 x 2 names"):
        viz.number_table([[0.0, 0.5]], ["a", "b"], ["x", "y"])


def test_heads_table_marks_where_each_head_begins():
    table = views.heads_table(torch.arange(10).reshape(2, 5), ["a", "b"], n_heads=5)
    assert table.html.count("border-left: 3px") == 5 + 2 * 5
    assert table.text.splitlines()[1].split() == ["a", "0", "1", "2", "3", "4"]
    with pytest.raises(ValueError, match="5 numbers for 2 heads; give a multiple"):
        views.heads_table([[1, 2, 3, 4, 5]], ["a"], n_heads=2)


def test_reading_frames_the_place_and_hides_what_comes_after():
    page = views.reading(["a", "<b>", "c"], torch.tensor([0.25, 0.75, 0.9]), place=1)
    assert page.text == "a (0.25) [<b>] (0.75) c"
    assert page.html.count("outline") == 1 and "0.900" not in page.html and "<b>" not in page.html
    assert "0.75</span></div>" in page.html  # the largest that is visible ends the scale
    with pytest.raises(ValueError, match="3 tokens and 2 weights"):
        views.reading(["a", "b", "c"], [0.5, 0.5], place=1)


def test_reading_with_no_weight_at_all():
    assert views.reading(["a"], [0.0], place=0).text == "[a]"


def test_tables_stand_side_by_side_with_titles():
    table = viz.number_table([[1.0]], ["r"], ["c"])
    page = viz.beside({"first": table, "second": table})
    assert page.html.count("<table") == 2 and page.text.startswith("first\n") and "\n\nsecond\n" in page.text


def test_masks_are_drawn_as_given():
    figure = views.masks_picture({"causal": mask_by_loops(3), "window": window_by_loops(3, 2)})
    drawn = [np.asarray(ax.images[0].get_array()).tolist() for ax in figure.axes]
    assert drawn == [mask_by_loops(3).int().tolist(), window_by_loops(3, 2).int().tolist()]
    assert "causal (6 of 9 pairs may look), window (5 of 9" in viz.picture(figure).alt


def test_arrows_name_the_scores():
    ax = views.arrows(("q", torch.tensor([2.0, 1.0])), {"a": [1.0, 1.0], "b": [0.0, 0.0], "c": [0.0, 0.0]})
    labels = [text.get_text() for text in ax.texts]
    assert {"query of q", "a: 3", "b, c: 0"} <= set(labels)
    assert "c (0, 0): 0." in viz.picture(ax).alt


def test_weight_bars_share_a_scale():
    figure = views.weight_bars({"a": torch.tensor([0.5, 0.5]), "b": [0.25] * 4}, top=0.6)
    heights = [[bar.get_height() for bar in ax.patches] for ax in figure.axes]
    assert heights == [[0.5, 0.5], [0.25] * 4]
    assert [ax.get_ylim()[1] for ax in figure.axes] == pytest.approx([0.612] * 2)


def texts_of(ax):
    return [text.get_text() for text in ax.texts]


def test_the_steps_of_one_token_hold_its_numbers():
    scores = torch.tensor([2.0, -math.inf])
    ax = views.attention_steps(
        ["a", "b"], 0, torch.tensor([2.0]), [[1.0], [0.5]], scores, [1, 0], [[5], [1.25]], [5]
    )
    assert {"query of a", "(2)", "(1)", "(0.5)", "-∞", "1.00", "(1.25)", "(5)"} <= set(texts_of(ax))
    assert "b: key (0.5), score -∞, weight 0.00, value (1.25). Added up: (5)." in viz.picture(ax).alt


def test_what_the_mask_hides_is_minus_infinity_and_then_nothing():
    scores, mask = torch.tensor([[1.5, 2.0], [3.0, -4.0]]), mask_by_loops(2)
    weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
    figure = views.masking(scores, mask, weights, ["a", "b"])
    assert [texts_of(ax) for ax in figure.axes] == [
        ["1.5", "2", "3", "-4"],
        ["1.5", "-∞", "3", "-4"],
        ["1.00", "0", "1.00", "0.00"],
    ]


@pytest.mark.parametrize("n_heads", (1, 2, 4))
def test_split_picture_gives_each_head_what_torch_gives_it(n_heads):
    x = torch.arange(12).reshape(3, 4)
    figure = views.split_picture(x, ["a", "b", "c"], n_heads)
    right = x.reshape(3, n_heads, -1).transpose(0, 1)
    wrong = x.reshape(n_heads, 3, -1)
    for ax, heads in zip(figure.axes, (right, wrong), strict=True):
        drawn = [text for text in texts_of(ax) if text.isdigit()]
        assert drawn == [str(value) for value in [*x.flatten().tolist(), *heads.flatten().tolist()]]
    assert str(wrong.flatten(1).tolist())[1:-1] in viz.picture(figure).alt


def test_the_plan_has_a_lane_for_each_head():
    for n_heads in (1, 3, 6):
        texts = texts_of(views.multi_head_plan(n_heads))
        assert texts.count("attention") == n_heads and f"head {n_heads - 1}: q, k, v" in texts


def test_maps_of_a_few_heads_have_their_tokens_on_both_sides():
    maps = {"first": torch.eye(3), "second": mask_by_loops(3) / 3, "third": torch.eye(3) / 2}
    figure = views.head_maps(maps, ["a", "b", "猫"])
    drawn = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == list(maps) and len(figure.axes) == 4
    for ax in drawn:
        for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
            assert [label.get_text() for label in labels] == ["a", "b", "猫"]
    assert torch.allclose(
        torch.tensor(drawn[1].images[0].get_array().filled(0)), (mask_by_loops(3) / 3).double()
    )
    with pytest.raises(ValueError, match=r"head_maps got maps\['first'\]"):
        views.head_maps({"first": torch.eye(2)}, ["a", "b", "c"])


@pytest.mark.parametrize("n_heads", (1, 3))
def test_the_stacked_matrix_has_all_queries_first(n_heads):
    ax = views.stacked_matrix(n_heads)
    rows = [(text.get_position()[1], text.get_text()) for text in ax.texts if text.get_position()[0] == 15.6]
    stacked = [name for y, name in sorted(rows) if y > 0]
    assert stacked == [f"{part} {h}" for part in ("query", "key", "value") for h in range(n_heads)]
