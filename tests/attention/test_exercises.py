"""The exercises of notebook 03, answered in other right ways, against torch, and in part; and its figures."""

from __future__ import annotations

import math

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_lib import attention
from course_lib import figures as viz
from course_lib.attention import exercises as ex
from course_lib.attention import views
from course_lib.config import GPTConfig
from course_lib.exercises import State

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    """Progress and answers go to a folder of the test."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# Other right ways -----------------------------------------------------------------------------------------


def mask_by_loops(T):
    mask = torch.zeros(T, T, dtype=torch.bool)
    for t in range(T):
        for s in range(t + 1):
            mask[t, s] = True
    return mask


def mask_by_comparing(T):
    return torch.arange(T)[:, None] >= torch.arange(T)


def mask_from_lists(T):
    return torch.tensor([[s <= t for s in range(T)] for t in range(T)])


def mask_not_contiguous(T):
    return torch.ones(T, T, dtype=torch.bool).triu().T


def softmax_by_loops(scores):
    rows = scores.reshape(-1, scores.shape[-1])
    out = [(row - row.max()).exp() / (row - row.max()).exp().sum() for row in rows]
    return torch.stack(out).reshape(scores.shape)


def softmax_by_logarithms(scores):
    return (scores - scores.logsumexp(-1, keepdim=True)).exp()


def softmax_einsum(scores):
    weights = (scores - scores.amax(-1, keepdim=True)).exp()
    return torch.einsum("...s,...->...s", weights, 1 / weights.sum(-1))


def attend_by_loops(q, k, v, mask=None):
    if q.ndim > 2:
        return torch.stack([attend_by_loops(*qkv, mask) for qkv in zip(q, k, v, strict=True)])
    rows = []
    for t in range(len(q)):
        seen = [s for s in range(len(k)) if mask is None or mask[t, s]]
        weights = torch.stack([(q[t] * k[s]).sum() / len(q[t]) ** 0.5 for s in seen]).softmax(0)
        rows.append(sum(w * v[s] for w, s in zip(weights, seen, strict=True)))
    return torch.stack(rows)


def attend_einsum(q, k, v, mask=None):
    scores = torch.einsum("...td,...sd->...ts", q, k) / q.size(-1) ** 0.5
    if mask is not None:
        scores = torch.where(mask, scores, -torch.inf)
    return torch.einsum("...ts,...sd->...td", F.softmax(scores, -1), v)


def attend_with_a_bias(q, k, v, mask=None):
    bias = 0.0 if mask is None else torch.zeros(mask.shape).masked_fill(mask.logical_not(), -1e9)
    return torch.softmax((q / math.sqrt(q.shape[-1])) @ k.mT + bias, dim=-1) @ v


def attend_in_double(q, k, v, mask=None):
    return attention.scaled_dot_product(q.double(), k.double(), v.double(), mask)


def window_by_loops(T, window):
    return torch.tensor([[t - window < s <= t for s in range(T)] for t in range(T)])


def window_by_triangles(T, window):
    return torch.ones(T, T, dtype=torch.bool).tril().triu(1 - window)


def window_without_the_first(T, window):
    causal = mask_by_loops(T)
    return causal & ~causal.tril(-window)


def heads_by_chunks(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1), dim=1)


def heads_by_loops(x, n_heads):
    D = x.shape[-1] // n_heads
    return torch.cat([x[:, None, :, h * D : (h + 1) * D] for h in range(n_heads)], dim=1)


def heads_einsum(x, n_heads):
    return torch.einsum("bthd->bhtd", x.unflatten(-1, (n_heads, -1))).contiguous()


def multi_head_by_loops(x, w_q, w_k, w_v, w_out, n_heads):
    D = x.shape[-1] // n_heads
    out = []
    for h in range(n_heads):
        own = slice(h * D, (h + 1) * D)
        q, k, v = x @ w_q[:, own], x @ w_k[:, own], x @ w_v[:, own]
        out.append(attend_by_loops(q, k, v, mask_by_loops(x.shape[1])))
    return torch.cat(out, dim=-1) @ w_out


def multi_head_fused(x, w_q, w_k, w_v, w_out, n_heads):
    q, k, v = (heads_by_chunks(x @ w, n_heads) for w in (w_q, w_k, w_v))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return out.permute(0, 2, 1, 3).flatten(2) @ w_out


def multi_head_einsum(x, w_q, w_k, w_v, w_out, n_heads):
    q, k, v = (torch.einsum("btc,chd->bhtd", x, w.unflatten(1, (n_heads, -1))) for w in (w_q, w_k, w_v))
    mixed = attend_einsum(q, k, v, mask_by_comparing(x.shape[1]))
    return torch.einsum("bhtd,hdc->btc", mixed, w_out.unflatten(0, (n_heads, -1)))


def alibi_by_loops(T, n_heads):
    bias = torch.full((n_heads, T, T), -torch.inf)
    for h in range(n_heads):
        for t in range(T):
            for s in range(t + 1):
                bias[h, t, s] = (s - t) * 2 ** (-8 * (h + 1) / n_heads)
    return bias


def alibi_einsum(T, n_heads):
    places = torch.arange(T, dtype=torch.float64)
    slopes = torch.pow(2 ** (-8 / n_heads), torch.arange(1, n_heads + 1, dtype=torch.float64))
    bias = torch.einsum("h,ts->hts", slopes, places - places[:, None])
    return torch.where(mask_by_comparing(T), bias, -math.inf)


def alibi_added(T, n_heads):
    slopes = [2.0 ** (-8.0 * h / n_heads) for h in range(1, n_heads + 1)]
    future = torch.full((T, T), -torch.inf).triu(1)
    distance = torch.arange(T)[:, None] - torch.arange(T)[None]
    return torch.stack([-slope * distance + future for slope in slopes])


def step_by_loops(largest, total, mixed, scores, values):
    for score, value in zip(scores, values, strict=True):
        new = torch.maximum(largest, score)
        total = total * (largest - new).exp() + (score - new).exp()
        mixed = mixed * (largest - new).exp() + (score - new).exp() * value
        largest = new
    return largest, total, mixed


def step_by_joining(largest, total, mixed, scores, values):
    new = torch.cat([largest[None], scores]).max()
    terms = torch.cat([(largest - new).exp()[None], (scores - new).exp()])
    sums = torch.cat([total[None], torch.ones(len(scores))])
    return new, terms @ sums, terms @ torch.cat([mixed[None], values])


def step_as_a_list(largest, total, mixed, scores, values):
    new = max(float(largest), float(scores.max()))
    factor, weights = math.exp(float(largest) - new), (scores.double() - new).exp()
    return [
        torch.tensor(new),
        total * factor + weights.sum(),
        mixed * factor + torch.einsum("s,sd->d", weights, values.double()),
    ]


OTHER_WAYS = {
    ex.causal_mask: (mask_by_loops, mask_by_comparing, mask_from_lists, mask_not_contiguous),
    ex.softmax: (softmax_by_loops, softmax_by_logarithms, softmax_einsum, torch.nn.Softmax(dim=-1)),
    ex.scaled_dot_product: (attend_by_loops, attend_einsum, attend_with_a_bias, attend_in_double),
    ex.causal_window: (window_by_loops, window_by_triangles, window_without_the_first),
    ex.split_heads: (heads_by_chunks, heads_by_loops, heads_einsum),
    ex.multi_head_attention: (multi_head_by_loops, multi_head_fused, multi_head_einsum),
    ex.alibi_bias: (alibi_by_loops, alibi_einsum, alibi_added),
    ex.online_step: (step_by_loops, step_by_joining, step_as_a_list),
}
WAYS = [(exercise, way) for exercise, ways in OTHER_WAYS.items() for way in ways]


@pytest.mark.parametrize(
    ("exercise", "way"), WAYS, ids=lambda x: getattr(x, "key", None) or getattr(x, "__name__", "module")
)
def test_other_right_ways_pass(exercise, way):
    feedback = exercise.judge(way)
    assert feedback.right, str(feedback)


def test_every_exercise_has_three_other_ways():
    assert all(len(ways) >= 3 for ways in OTHER_WAYS.values()) and len(OTHER_WAYS) == 8


# The references, against independent oracles --------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 3), st.sampled_from([1, 2, 3, 5]))
def test_multi_head_attention_is_torchs_own_layer(seed, T, B, n_heads):
    C = 2 * n_heads
    x, *matrices = (torch.randn(*shape, generator=generator(seed)) for shape in ((B, T, C), *[(C, C)] * 4))
    theirs = torch.nn.MultiheadAttention(C, n_heads, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([w.T for w in matrices[:3]]))
        theirs.out_proj.weight.copy_(matrices[3].T)
        out, _ = theirs(x, x, x, attn_mask=~mask_by_loops(T), need_weights=False)
    assert torch.allclose(ex.multi_head_attention.reference(x, *matrices, n_heads), out, atol=1e-4)


def test_multi_head_attention_is_the_courses_layer():
    layer = attention.MultiHeadAttention(GPTConfig(width=6, n_heads=3, bias=False))
    x = torch.randn(2, 5, 6, generator=generator(1))
    matrices = [*layer.qkv.weight.T.chunk(3, dim=1), layer.out.weight.T]
    assert torch.allclose(ex.multi_head_attention.reference(x, *matrices, 3), layer(x), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 12))
def test_a_window_counts_its_keys(T, window):
    mask = ex.causal_window.reference(T, window)
    assert mask.sum(1).tolist() == [min(t + 1, window) for t in range(T)]
    assert not (mask & ~mask_by_loops(T)).any() and mask.diagonal().all()


@pytest.mark.parametrize("n_heads", [2, 4, 8])
def test_alibi_by_hand_and_as_torch_takes_it(n_heads):
    bias = ex.alibi_bias.reference(3, n_heads)
    first = 2 ** (-8 / n_heads)
    assert bias[0, 2].tolist() == pytest.approx([-2 * first, -first, 0.0])
    assert bias[-1, 1].tolist() == pytest.approx([-1 / 256, 0.0, -math.inf])
    q, k, v = torch.randn(3, 1, n_heads, 3, 5, generator=generator(2))
    fused = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    by_hand = (q @ k.mT / math.sqrt(5) + bias).softmax(-1) @ v
    assert torch.allclose(fused, by_hand, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.sampled_from([1.0, 60.0]))
def test_blocks_one_after_the_other_give_the_softmax(seed, sizes, scale):
    scores = scale * torch.randn(sum(sizes), generator=generator(seed))
    values = torch.randn(sum(sizes), 3, generator=generator(seed + 1))
    state = (torch.tensor(-math.inf), torch.tensor(0.0), torch.zeros(3))
    for block in zip(scores.split(sizes), values.split(sizes), strict=True):
        state = ex.online_step.reference(*state, *block)
    assert torch.allclose(state[2] / state[1], scores.softmax(0) @ values, atol=1e-5)


def test_online_step_by_hand():
    start = (torch.tensor(-math.inf), torch.tensor(0.0), torch.zeros(1))
    block = torch.tensor([1.0, 1.0 + math.log(3)]), torch.tensor([[4.0], [8.0]])
    largest, total, mixed = ex.online_step.reference(*start, *block)
    assert float(largest) == pytest.approx(1.0 + math.log(3))
    assert float(total) == pytest.approx(4 / 3) and float(mixed / total) == pytest.approx(7.0)


# What a learner sees --------------------------------------------------------------------------------------


def test_a_right_piece_is_kept_with_what_it_needs(tmp_path):
    ex.multi_head_attention.check(multi_head_by_loops)
    kept = {path.stem: path.read_text() for path in (tmp_path / "my_gpt").glob("*.py")}
    assert list(kept) == ["multi_head_attention"]
    assert "def attend_by_loops" in kept["multi_head_attention"]


def test_explore_exercises_are_not_parts_of_the_gpt(tmp_path):
    assert ex.causal_window.check(window_by_loops).right
    assert not list(tmp_path.glob("my_gpt/*.py"))


def test_two_mistakes_at_once_name_none_or_one_that_is_there():
    def answer(q, k, v, mask=None):
        return (q @ k.transpose(-2, -1)).softmax(-2) @ v

    feedback = ex.scaled_dot_product.judge(answer)
    assert feedback.state is State.WRONG and feedback.mistake is None


def test_k_t_crashes_with_a_batch_in_front_and_says_so():
    def answer(q, k, v, mask=None):
        scores = (q @ k.transpose(0, 1)) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(-1) @ v

    assert ex.scaled_dot_product.judge(answer).state is State.CRASHED


# The figures ----------------------------------------------------------------------------------------------


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
