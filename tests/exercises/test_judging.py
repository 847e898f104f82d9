"""Judging: gradients, rounding, calls in a row, and the way that was asked for."""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from exercise_demos import demo, random
from torch.nn import functional as F

from course_lib.context import exercises as context
from course_lib.exercises import Case, Forbidden, State
from course_lib.model import exercises as model

# Gradients --------------------------------------------------------------------------------------------------


def two_ways(x, y):
    return x.exp() * y + x


TWO = demo(two_ways, [Case(random(2, 3), random(2, 3, seed=1)), Case(random(4, seed=2), random(4, seed=3))])


@torch.no_grad()
def without_gradients(x, y):
    return two_ways(x, y)


def grad_mode_left_off(x, y):
    torch.set_grad_enabled(False)
    return two_ways(x, y)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, y: two_ways(x, y).detach(), "Your code uses `.detach()`"),
        (without_gradients, "the output is cut off from its inputs"),
        (lambda x, y: torch.tensor(two_ways(x, y).tolist()), "`.tolist()`"),
        (lambda x, y: x.detach().exp() * y + x, "what flows back to `x` is wrong"),
        (lambda x, y: x.exp() * y + x.detach(), "what flows back to `x` is wrong"),
        (lambda x, y: x.exp() * y.data + x, "none arrives at `y`"),
        (lambda x, y: torch.from_numpy(np.exp(x.numpy())) * y + x, "NumPy can't follow gradients"),
        (grad_mode_left_off, "`set_grad_enabled`"),
    ],
)
def test_values_without_their_gradients_are_not_enough(answer, words):
    try:
        feedback = TWO.judge(answer)
    finally:
        torch.set_grad_enabled(True)
    assert (feedback.state, feedback.aspect) == (State.WRONG, "gradient")
    assert words in str(feedback) and words.split("`")[0] in feedback._repr_html_()


def test_the_gradient_that_is_wrong_is_shown_beside_the_right_one():
    feedback = TWO.judge(lambda x, y: x.detach().exp() * y + x)
    assert feedback.difference.got.shape == (2, 3) and "expected" in str(feedback)


def in_place(x, y):
    out = x.exp() * y
    out += x
    return out


@pytest.mark.parametrize("answer", [in_place, lambda x, y: torch.addcmul(x, x.exp(), y)])
def test_other_ways_to_the_same_gradient_pass(answer):
    assert TWO.judge(answer).right


def test_gradients_of_inputs_inside_lists_and_modules():
    def reference(parts, layer, by_name):
        return {"out": [layer(parts[0]) * by_name["scale"], parts[1]]}

    case = Case([random(2, 3), random(2, seed=1)], torch.nn.Linear(3, 4), {"scale": torch.tensor(2.0)})
    exercise = demo(reference, [case])
    cut_layer = lambda p, f, n: {"out": [F.linear(p[0], f.weight, f.bias.detach()) * n["scale"], p[1]]}  # noqa: E731
    cut_name = lambda p, f, n: {"out": [f(p[0]) * n["scale"].item(), p[1]]}  # noqa: E731
    assert exercise.judge(reference).right
    assert "`layer.bias`" in exercise.judge(cut_layer).message
    assert "`by_name['scale']`" in exercise.judge(cut_name).message
    assert exercise.judge(lambda p, f, n: {"out": (f(p[0]) * n["scale"], p[1].detach())}).aspect == "gradient"


TIES = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize("answer", [lambda x: x.max(-1).values, lambda x: x.sort(-1).values[..., -1]])
def test_where_the_gradient_is_one_of_several_any_of_them_passes(answer):
    assert demo(lambda x: x.amax(-1), [TIES, random(3, 4)]).judge(answer).right


def test_a_label_that_is_compared_may_be_a_float():
    def by_branch(z, y):
        return torch.where(y == 1, -F.logsigmoid(z), -F.logsigmoid(-z))

    def reference(z, y):
        return -F.logsigmoid((2 * y.detach() - 1) * z)

    labels = torch.tensor([1.0, 0.0, 1.0])
    assert demo(reference, [Case(random(3), labels)]).judge(by_branch).right


def test_in_place_where_it_is_allowed_is_no_fault_of_the_gradient():
    def step(p, g):
        return p.sub_(0.5 * g)

    exercise = demo(lambda p, g: p - 0.5 * g, [Case(random(3), random(3, seed=1))], may_change_inputs=True)
    assert exercise.judge(step).right


def test_gradients_are_not_asked_for_where_an_exercise_says_so():
    exercise = demo(lambda x: x.softmax(-1), [random(2, 3), random(5)], differentiable=False)
    weights = lambda x: np.exp(x.numpy()) / np.exp(x.numpy()).sum(-1, keepdims=True)  # noqa: E731
    for answer in (weights, lambda x: weights(x).tolist(), lambda x: x.softmax(-1).detach()):
        assert exercise.judge(answer).right
    assert not exercise.judge(lambda x: (2 * weights(x)).tolist()).right
    total = demo(lambda x: x.sum(), [random(2, 3)], differentiable=False)
    assert total.judge(lambda x: float(x.sum())).right and total.judge(lambda x: np.sum(x.numpy())).right


def mean_detached(x, weight, bias, eps=1e-5):
    mean = x.mean(-1, keepdim=True).detach()
    return (x - mean) / ((x - mean).pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight + bias


def by_math(logits, targets):
    rows = [-row.log_softmax(-1)[target] for row, target in zip(logits, targets, strict=True)]
    return torch.stack([row - row.detach() + math.fsum([row.item()]) for row in rows]).mean().detach()


def parts_detached(x, norm1, attention, norm2, mlp):
    x = x + attention(norm1(x)).detach()
    return x + mlp(norm2(x))


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (model.layer_norm, mean_detached),
        (model.block, parts_detached),
        (model.gpt, lambda *args: torch.no_grad()(model.gpt.reference)(*args)),
        (context.cross_entropy, by_math),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_pieces_that_could_not_be_trained_are_not_right(exercise, answer):
    assert exercise.judge(answer).aspect == "gradient"


def test_prints_and_warnings_come_once():
    def talkative(x):
        print("here")
        warnings.warn("careful", UserWarning, stacklevel=2)
        return x.exp()

    assert demo(torch.exp, [random(2)]).check(talkative, raise_errors=False).printed.count("here") == 1


def test_a_warning_is_no_crash_where_warnings_are_errors():
    def warned(x):
        warnings.warn("careful", UserWarning, stacklevel=2)
        return x.exp()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert demo(torch.exp, [random(2)]).judge(warned).right
        assert warnings.filters[0][0] == "error"


# Rounding ---------------------------------------------------------------------------------------------------


def by_matmul(x, weight, bias, eps=1e-5):
    C = x.shape[-1]
    average = torch.full((C, C), 1 / C)
    centred = x - x @ average
    return centred / ((centred * centred) @ average + eps).sqrt() * weight + bias


def in_one_pass(x, weight, bias, eps=1e-5):
    mean = x.mean(-1, keepdim=True)
    return (x - mean) / ((x * x).mean(-1, keepdim=True) - mean * mean + eps).sqrt() * weight + bias


NORM = demo(
    model.layer_norm.reference,
    [
        Case(torch.full((1, 7), 0.1), torch.ones(7), torch.zeros(7)),
        Case(torch.full((2, 5), 3.3), 2 * torch.ones(5), random(5)),
        Case(random(3, 7), random(7, seed=1), random(7, seed=2)),
        Case(random(3, 7) + 300, random(7, seed=1), random(7, seed=2)),
    ],
)


def test_tolerances_follow_the_condition_of_a_case():
    assert NORM.judge(by_matmul).right
    assert not NORM.judge(in_one_pass).right  # that is no rounding any more
    assert not NORM.judge(lambda x, w, b, eps=1e-5: model.layer_norm.reference(x, w, b, 2e-5)).right


def test_another_order_of_operations_passes_whatever_is_drawn():
    def drawn(draw):
        C = draw.integer(1, 5)
        return Case(
            draw.tensor(*draw.shape((0, 3)), C), draw.tensor(C), draw.tensor(C), draw.choose((1e-5, 1e-3))
        )

    exercise = replace(NORM, fresh=drawn)
    assert all(exercise.judge(by_matmul, seed=seed).right for seed in range(30))
    assert not any(exercise.judge(mean_detached, seed=seed).right for seed in range(10))
    assert not any(exercise.judge(in_one_pass, seed=seed).right for seed in range(10))


def test_a_jump_is_no_rounding():
    exercise = demo(lambda x: x.sort(descending=True).values.masked_fill(x < 1.0, -math.inf), [torch.ones(3)])
    assert not exercise.judge(lambda x: torch.full_like(x, -math.inf)).right
    assert not exercise.judge(lambda x: 1.01 * x).right


# Calls in a row ---------------------------------------------------------------------------------------------


def test_an_answer_that_is_found_once_and_kept_is_wrong():
    kept = {}
    exercise = demo(sum, [[1, 2], [1, 2]])
    assert exercise.judge(lambda items: kept.setdefault(0, sum(items))).right  # nothing to tell it by
    exercise = demo(sum, [[1, 2], [3, 4]])
    kept.clear()
    assert not exercise.judge(lambda items: kept.setdefault(len(items), sum(items))).right


def test_an_answer_that_counts_its_calls_is_wrong():
    calls = []

    def tiring(items):
        calls.append(1)
        return sum(items) if len(calls) <= 3 else 0

    feedback = demo(sum, [[1], [2], [3]]).judge(tiring)
    assert "two different results" in feedback.message and feedback.call == "demo([3])"


def test_a_model_that_is_left_otherwise_than_it_was_is_a_changed_input():
    exercise = demo(lambda model, x: model(x), [Case(torch.nn.Linear(2, 2), random(1, 2))])

    def leaves_training(model, x):
        return model.eval()(x)

    def zeroes_the_bias(model, x):
        out = model(x)
        torch.nn.init.zeros_(model.bias)
        return out

    assert "`model` was changed" in exercise.judge(leaves_training).message
    assert not exercise.judge(zeroes_the_bias).right


# Not by the way asked for -----------------------------------------------------------------------------------

SOFTMAX = demo(
    lambda x: x.softmax(-1),
    [random(2, 3), random(5)],
    forbidden=(Forbidden(("softmax", "log_softmax"), "Write it with `exp` and `sum`."),),
)


def by_hand(x):
    weights = (x - x.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


def helper(x):
    return F.softmax(x, dim=-1)


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: x.softmax(-1),
        lambda x: torch.softmax(x, -1),
        lambda x: helper(x),
        lambda x: x.log_softmax(-1).exp(),
        torch.nn.Softmax(-1),
        functools.partial(torch.softmax, dim=-1),
        lambda x: getattr(torch, "soft" + "max")(x, -1),
    ],
)
def test_right_but_not_by_the_way_asked_for(answer):
    feedback = SOFTMAX.check(answer, raise_errors=False)
    assert feedback.state is State.OTHERWISE and not feedback.right and feedback.mistake is None
    assert str(feedback).startswith("Right, but not by the way asked for")
    assert "softmax" in feedback.message and "Write it with `exp` and `sum`." in feedback.message
    assert "#d55e00" not in feedback._repr_html_()


def test_the_way_asked_for_is_right_and_a_wrong_value_is_wrong():
    assert SOFTMAX.judge(by_hand).right
    assert SOFTMAX.judge(lambda x: x.softmax(-1) * 2).state is State.WRONG


def test_a_wrong_value_gets_a_word_on_the_way_too():
    feedback = SOFTMAX.judge(lambda x: x.softmax(-1) * 2)
    assert "It also uses `softmax`. Write it with" in feedback.message


def test_a_library_that_may_cut_is_named_only_where_nothing_else_does():
    case = Case(random(2, 3), random(2, 3, seed=1))
    exercise = demo(lambda x, y: x * y / math.sqrt(3), [case])
    surely = exercise.judge(lambda x, y: x.detach() * y / math.sqrt(x.shape[-1]))
    assert "`.detach()`, which cuts" in surely.message and "`math`" not in surely.message
    perhaps = exercise.judge(lambda x, y: x * y.new_tensor(y.numpy(force=True)) / math.sqrt(3))
    assert "cut" in perhaps.message


def test_other_ways_are_noticed_whatever_they_are():
    def ways(*names):
        return (Forbidden(names, "Do it yourself."),)

    def by_autograd(x):
        x = x.detach().clone().requires_grad_()
        return torch.autograd.grad((x * x).sum(), x)[0]

    def by_backward(x):
        x = x.detach().clone().requires_grad_()
        (x * x).sum().backward()
        return x.grad

    exercise = demo(lambda x: 2 * x, [random(3)], differentiable=False, forbidden=ways("grad", "backward"))
    assert exercise.judge(by_autograd).state is exercise.judge(by_backward).state is State.OTHERWISE
    lookup = demo(
        lambda ids, table: F.one_hot(ids, len(table)).float() @ table,
        [Case(torch.tensor([0, 2]), random(3, 2))],
        forbidden=ways("[ids]", "embedding", "index_select"),
    )
    assert "`table[ids]`" in lookup.judge(lambda ids, table: table[ids]).message
    assert lookup.judge(lambda ids, table: F.embedding(ids, table)).state is State.OTHERWISE
    assert lookup.judge(lambda ids, table: torch.stack([table[int(i)] for i in ids])).right
    assert lookup.judge(lambda ids, table: torch.eye(len(table))[ids] @ table).right  # one-hot rows


def test_names_in_the_code():
    def my_sorted(items):
        return (
            [
                min(items),
                *my_sorted([*items[: items.index(min(items))], *items[items.index(min(items)) + 1 :]]),
            ]
            if (items)
            else []
        )

    exercise = demo(
        sorted, [[3, 1]], forbidden=(Forbidden(in_code=("sorted", "sort"), why="Sort it yourself."),)
    )
    assert exercise.judge(lambda items: sorted(items)).state is State.OTHERWISE
    assert exercise.judge(my_sorted).right


def test_a_list_of_functions_that_is_emptied_is_a_changed_argument():
    def popped(functions, x):
        while functions:
            x = functions.pop(0)(x)
        return x

    def applied(functions, x):
        return x if not functions else applied(functions[1:], functions[0](x))

    exercise = demo(applied, [Case([abs, float], -2)])
    assert exercise.judge(applied).right
    assert "`functions` was changed" in exercise.judge(popped).message


def test_what_the_exercise_itself_runs_is_not_held_against_an_answer():
    names = ("layer_norm", "softmax", "cross_entropy", "backward", "grad")
    exercise = replace(model.block, forbidden=(Forbidden(names, "No."),))
    assert exercise.judge(model.block.reference).right


def test_a_declaration_of_forbidden_names_needs_a_tuple():
    with pytest.raises(ValueError, match="tuple"):
        Forbidden("softmax")
