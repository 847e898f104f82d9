"""Notebook 13's exercises in other right ways and against the course's own GPT."""

from __future__ import annotations

import math

import own_llamas as own
import pytest
import torch
from torch.nn import functional as F

from course_lib import runtime
from course_lib.attention import MultiHeadAttention
from course_lib.config import GPTConfig
from course_lib.context import apply_rotary, rotary_angles
from course_lib.exercises import State
from course_lib.model import RMSNorm, SwiGLU
from course_lib.modern import exercises as ex
from course_lib.modern import several_ahead_loss


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=runtime.seed(seed))


# Other right ways -----------------------------------------------------------------------------------------


def gain_by_clock(old, new, ms_old, ms_new):
    end = min(len(old) * ms_old, len(new) * ms_new)
    at = [[loss for step, loss in enumerate(row, 1) if step * ms <= end][-1] for row, ms in (
        (old, ms_old), (new, ms_new)
    )]  # fmt: skip
    return at[0] - at[1]


def gain_with_floor(old, new, ms_old, ms_new):
    time = sorted((len(old) * ms_old, len(new) * ms_new))[0]
    return old[math.floor(time / ms_old) - 1] - new[int(time / ms_new) - 1]


def gain_by_cutting(old, new, ms_old, ms_new):
    """Steps are taken away from whoever has run for longer than the other one could."""
    if len(old) * ms_old > len(new) * ms_new:
        return -gain_by_cutting(new, old, ms_new, ms_old)
    new = list(new)
    while len(new) * ms_new > len(old) * ms_old:
        new.pop()
    return old[-1] - new[-1]


def ahead_by_loops(logits, ids):
    total = 0
    for n, head in enumerate(logits):
        costs = [-head[b, t].log_softmax(-1)[ids[b, t + n + 1]] for b in range(len(ids))
                 for t in range(ids.shape[1] - n - 1)]  # fmt: skip
        total = total + torch.stack(costs).mean()
    return total


def ahead_transposed(logits, ids):
    return sum(
        F.cross_entropy(head[:, : ids.shape[1] - n].transpose(1, 2), ids[:, n:])
        for n, head in enumerate(logits, start=1)
    )


def ahead_ignoring(logits, ids):
    losses = []
    for n, head in enumerate(logits, start=1):
        targets = torch.full_like(ids, -100)
        targets[:, :-n] = ids[:, n:]
        losses.append(F.cross_entropy(head.flatten(0, 1), targets.flatten(), ignore_index=-100))
    return torch.stack(losses).sum()


RIGHT = {
    "RMSNorm": (own.NormByTorch, own.NormByLength, own.NormInherited),
    "rotary": (own.rotary_complex, own.rotary_by_roll, own.rotary_by_loops),
    "SwiGLU": (own.GateOneLine, own.GateByMatrices, own.GateInherited),
    "LlamaAttention": (own.AttentionByTorch, own.AttentionByGroups, own.AttentionInherited),
    "gain_at_equal_time": (gain_by_clock, gain_with_floor, gain_by_cutting),
    "several_ahead_loss": (ahead_by_loops, ahead_transposed, ahead_ignoring, several_ahead_loss),
}


@pytest.mark.parametrize(
    ("name", "answer"), [(name, answer) for name, answers in RIGHT.items() for answer in answers]
)
def test_other_right_ways_pass(name, answer):
    feedback = getattr(ex, name).judge(answer, seed=5)
    assert feedback.state == State.RIGHT, str(feedback)


def test_the_mixed_up_loss_is_told_what_it_does():
    told = str(ex.several_ahead_loss.judge(lambda logits, ids: several_ahead_loss(logits[:1], ids), seed=5))
    assert "only the first head" in told


# Against the course's own GPT -----------------------------------------------------------------------------


def test_the_references_are_the_courses_parts():
    x = drawn(2, 5, 12)
    norm, gate = ex.RMSNorm.reference(12, 1e-5), ex.SwiGLU.reference(12, 20)
    assert torch.allclose(norm(x), RMSNorm(12)(x), atol=1e-6)
    config = GPTConfig(width=12, n_heads=3, n_kv_heads=1, mlp_width=20, activation="swiglu", bias=False)
    theirs = SwiGLU(config)
    gate.load_state_dict(theirs.state_dict())
    assert torch.allclose(gate(x), theirs(x), atol=1e-6)
    mine, attention = ex.LlamaAttention.reference(12, 3, 1, 50.0), MultiHeadAttention(config)
    mine.load_state_dict(attention.state_dict())
    assert torch.allclose(mine(x), attention(x, rotary=rotary_angles(5, 4, 50.0)), atol=1e-5)


def test_scores_depend_on_the_distance_only():
    q, k = drawn(8, seed=1), drawn(8, seed=2)
    turned = [ex.rotary.reference(v.expand(1, 1, 20, 8), 100.0)[0, 0] for v in (q, k)]
    scores = turned[0] @ turned[1].T
    assert torch.allclose(scores[5:, 5:], scores[:-5, :-5], atol=1e-4)
    cos, sin = rotary_angles(20, 8, 100.0)
    assert torch.allclose(turned[0], apply_rotary(q.expand(20, 8), cos, sin), atol=1e-5)


@pytest.mark.parametrize("value", [5.67, 5.7, 17 / 3, 33.8 / 6])
def test_rounded_sizes_of_an_expert_are_right(value):
    assert ex.one_expert.judge(value).right


def test_the_quiz_has_no_favourite_letter():
    letters = ["abcd"[[o.right for o in q.options].index(True)] for q in ex.quiz.questions]
    assert len(letters) == 5 and len(set(letters)) >= 3
