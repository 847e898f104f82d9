"""Attention maps, as a table of one head and as a grid of all of them."""

from __future__ import annotations

import matplotlib
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


def test_all_heads_in_a_grid():
    maps = [torch.rand(1, 3, 5, 7), torch.rand(2, 5, 7)]
    figure = views.attention_maps(maps)
    assert len(figure.axes) == 6
    shown = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    assert len(shown) == 5 and shown[0].shape == (5, 7)
    assert torch.allclose(torch.tensor(shown[0].data), maps[0][0, 0].double(), atol=1e-6)
    assert "2 layers" in viz.picture(figure).alt


def test_of_a_wrong_shape():
    for wrong in ([], [torch.ones(3, 3)], [torch.ones(1, 1, 1, 3, 3)]):
        with pytest.raises(ValueError, match="per layer"):
            views.attention_maps(wrong)


def test_tensors_with_gradients_are_accepted_and_stay():
    attn = torch.rand(2, 4, 4, requires_grad=True)
    views.attention_maps([attn])
    views.attention_map(attn[0], list("abcd"))
    assert attn.requires_grad and attn.grad is None
