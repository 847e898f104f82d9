"""Answers that are classes of torch modules: tried with the reference's weights, guarded, and kept."""

from __future__ import annotations

import linecache
from dataclasses import replace

import pytest
import torch
from exercise_demos import demo, random
from torch import nn

from course_lib.attention import exercises as attention
from course_lib.exercises import State, _progress, as_module, module_case
from course_lib.exercises._compare import difference
from course_lib.exercises._loading import load
from course_lib.exercises._starters import does_nothing, is_harmless


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))


class Wide(nn.Module):
    """Out and back: the reference of these tests."""

    def __init__(self, width: int, wide: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, wide)
        self.down = nn.Linear(wide, width)

    def forward(self, x):
        return self.down(self.up(x).relu())


def cases():
    return [module_case(Wide, 3, 4, x=random(2, 3)), module_case(Wide, 2, 5, training=False, x=random(1, 2))]


def judged(answer):
    return demo(Wide, cases(), use=as_module, name="Wide").judge(answer)


def test_a_case_draws_the_same_weights_at_every_call_and_moves_nobodys_chance():
    names, before = list(Wide(3, 4).state_dict()), torch.get_rng_state()
    one, other = cases()[0], cases()[0]
    assert difference(one.kwargs, other.kwargs) is None
    assert set(one.kwargs) == {"training", "inputs", "x", *names}
    judged(Wide)
    assert torch.equal(before, torch.get_rng_state())


def test_weights_are_those_of_the_case_and_their_gradients_come_back():
    case = cases()[0]
    given = {**case.kwargs, "up.weight": case.kwargs["up.weight"].requires_grad_()}
    out = as_module(Wide, 3, 4, **given)
    by_hand = nn.functional.linear(random(2, 3), given["up.weight"], given["up.bias"]).relu()
    assert torch.allclose(out, by_hand @ given["down.weight"].T + given["down.bias"], atol=1e-6)
    out.sum().backward()
    assert given["up.weight"].grad.abs().sum() > 0


def test_the_call_is_shown_without_the_weights():
    assert cases()[1].copy().call("Wide") == "Wide(2, 5).eval()(tensor([[1.541, -0.2934]]))"


# What is amiss ----------------------------------------------------------------------------------------------


class NoBias(Wide):
    def __init__(self, width, wide):
        super().__init__(width, wide)
        self.up = nn.Linear(width, wide, bias=False)


class OtherName(nn.Module):
    def __init__(self, width, wide):
        super().__init__()
        self.up, self.back = nn.Linear(width, wide), nn.Linear(wide, width)

    def forward(self, x):
        return self.back(self.up(x).relu())


class OneLess(OtherName):
    def __init__(self, width, wide):
        super().__init__(width, wide)
        self.back = None


class OneMore(Wide):
    def __init__(self, width, wide):
        super().__init__(width, wide)
        self.scale = nn.Parameter(torch.ones(1))


class Turned(Wide):
    def __init__(self, width, wide):
        super().__init__(width, wide)
        self.up = nn.Linear(wide, width)


class Alias(Wide):
    """Two names for one layer: its matrix can't be that of both."""

    def __init__(self, width, wide):
        super().__init__(width, wide)
        self.up = self.down


class NoModule:
    def __init__(self, width, wide):
        self.up = nn.Linear(width, wide)


class NoForward(nn.Module):
    def __init__(self, width, wide):
        super().__init__()
        self.up, self.down = nn.Linear(width, wide), nn.Linear(wide, width)


class HalfWritten(Wide):
    def forward(self, x):
        raise NotImplementedError


AMISS = {
    NoBias: "A parameter is missing: `up.bias`, of shape (4,): that layer was made without a bias.",
    OtherName: "A parameter is missing: `down.weight`, of shape (3, 4). Is it the one you call "
    "`back.weight`? The names are part of the task.",
    OneLess: "A parameter is missing: `down.weight`, of shape (3, 4). Is it made, as an attribute, in "
    "`__init__`?",
    OneMore: "There is a parameter that is not asked for: `scale`, of shape (1,).",
    Turned: "`up.weight` has the shape (3, 4), but should have (4, 3).",
    NoModule: "The class is no torch module: begin it with `class ...(nn.Module):`.",
    NoForward: "It has no method `forward`, which is what runs when the model is called.",
    HalfWritten: "The weights are all there, but `forward` is not written yet.",
}


@pytest.mark.parametrize("answer", AMISS, ids=lambda answer: answer.__name__)
def test_what_keeps_the_weights_from_fitting_is_one_sentence(answer):
    feedback = judged(answer)
    assert (feedback.state, feedback.aspect, feedback.call) == (State.WRONG, "parameters", "")
    assert feedback.message == AMISS[answer]


def test_layers_in_a_plain_list_and_one_layer_twice_are_told():
    class Stack(nn.Module):
        def __init__(self, depth):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(depth))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    class PlainList(Stack):
        def __init__(self, depth):
            nn.Module.__init__(self)
            self.layers = [nn.Linear(2, 2) for _ in range(depth)]

    class OneForAll(Stack):
        def __init__(self, depth):
            nn.Module.__init__(self)
            self.layers = nn.ModuleList([nn.Linear(2, 2)] * depth)

    exercise = demo(Stack, [module_case(Stack, 2, x=random(1, 2))], use=as_module)
    assert "an `nn.ModuleList` makes them known." in exercise.judge(PlainList).message
    assert "are the same weight; each should be one of its own." in exercise.judge(OneForAll).message
    assert exercise.judge(Stack).right


def test_a_shared_weight_may_have_two_names_where_one_is_asked_for():
    class Tied(nn.Module):
        def __init__(self, V):
            super().__init__()
            self.tokens = nn.Embedding(V, 2)
            self.head = nn.Linear(2, V, bias=False)
            self.head.weight = self.tokens.weight

        def forward(self, ids):
            return self.head(self.tokens(ids))

    class HeadFirst(Tied):
        def __init__(self, V):
            nn.Module.__init__(self)
            self.head = nn.Linear(2, V, bias=False)
            self.tokens = nn.Embedding(V, 2)
            self.tokens.weight = self.head.weight

    class Apart(Tied):
        def __init__(self, V):
            super().__init__(V)
            self.head = nn.Linear(2, V, bias=False)

    exercise = demo(Tied, [module_case(Tied, 5, ids=torch.tensor([[1, 4]]))], use=as_module)
    assert exercise.judge(HeadFirst).right
    assert exercise.judge(Apart).message.endswith("not asked for: `head.weight`, of shape (5, 2).")


# Wrong in what it does --------------------------------------------------------------------------------------


class InTrainingOnly(Wide):
    def forward(self, x):
        return super().forward(x) * (1 if self.training else 2)


class Cut(Wide):
    def forward(self, x):
        return self.down(self.up(x).relu().detach())


class OneWeightCut(Wide):
    def forward(self, x):
        return nn.functional.linear(self.up(x).relu(), self.down.weight.data, self.down.bias)


class Keeps(Wide):
    seen = []

    def forward(self, x):
        self.seen.append(x)
        return super().forward(x) + len(self.seen) // 3


class InPlace(Wide):
    def forward(self, x):
        x += 1
        return super().forward(x - 1)


@pytest.mark.parametrize(
    ("answer", "aspect", "words"),
    [
        (InTrainingOnly, "values", ".eval()("),
        (Cut, "gradient", "none arrives at `x`"),
        (OneWeightCut, "gradient", "`down.weight`"),
        (Keeps, "values", ""),
        (InPlace, "inputs", "`x` was changed"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_a_class_computes_is_compared(answer, aspect, words):
    feedback = judged(answer)
    assert (feedback.state, feedback.aspect) == (State.WRONG, aspect)
    assert words in str(feedback)


def test_what_is_no_class_or_takes_other_arguments_is_told():
    class OneArgument(nn.Module):
        def __init__(self, width):
            super().__init__()

    class NotBegun(nn.Module):
        def __init__(self, width, wide):
            self.up = nn.Linear(width, wide)

    assert "needs the class itself" in judged(Wide(2, 3)).message
    assert (
        judged(lambda width, wide: Wide(width, wide)).message == "`check` got a function, but needs a class."
    )
    assert "Your class cannot be made as the exercise does" in judged(OneArgument).message
    assert "Its arguments should be: `width, wide`." in judged(OneArgument).message
    assert "write `super().__init__()` as the first line" in judged(NotBegun).message


# Starters ---------------------------------------------------------------------------------------------------


class Shipped(nn.Module):
    def __init__(self, width, wide):
        super().__init__()
        raise NotImplementedError  # write your answer here instead of this line

    def forward(self, x):
        raise NotImplementedError


class Empty(nn.Module):
    """Nothing yet."""


class Passes(nn.Module):
    def __init__(self, width, wide):
        super().__init__()

    def forward(self, x): ...


class Raises:
    def __init__(self, width, wide):
        raise NotImplementedError


@pytest.mark.parametrize("starter", [Shipped, Empty, Raises])
def test_a_starter_is_not_attempted_and_never_leaves_the_notebook(starter):
    assert judged(starter).state is State.NOT_ATTEMPTED
    assert is_harmless(starter)


def test_a_class_whose_methods_do_nothing_does_nothing():
    assert does_nothing(Passes) and is_harmless(Passes)


@pytest.mark.parametrize("answer", [Wide, NoModule, NoForward, HalfWritten, OneMore, Keeps])
def test_a_class_that_does_something_is_not_harmless(answer):
    assert not is_harmless(answer) and not does_nothing(answer)


def test_a_class_that_stands_on_another_of_the_learners_is_not_harmless():
    class OnIt(Wide):
        def forward(self, x):
            raise NotImplementedError

    assert not is_harmless(OnIt)


# From a notebook --------------------------------------------------------------------------------------------

HEAD = "import math\nimport torch\nfrom torch import nn\n"
CELLS = (
    "HIDDEN = -math.inf\ndef later(T):\n    return torch.ones(T, T, dtype=torch.bool).triu(1)",
    "class Split(nn.Module):\n"
    "    def __init__(self, n_heads):\n"
    "        super().__init__()\n"
    "        self.n_heads = n_heads\n"
    "    def forward(self, x):\n"
    "        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)",
    "class MultiHeadAttention(nn.Module):\n"
    "    def __init__(self, width, n_heads):\n"
    "        super().__init__()\n"
    "        self.split = Split(n_heads)\n"
    "        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)\n"
    "    def forward(self, x):\n"
    "        q, k, v = map(self.split, self.qkv(x).chunk(3, -1))\n"
    "        scores = q @ k.mT / math.sqrt(q.shape[-1])\n"
    "        attn = scores.masked_fill(later(x.shape[1]), HIDDEN).softmax(-1)\n"
    "        return self.out((attn @ v).transpose(1, 2).flatten(2))",
)


def from_cells(*cells: str) -> type:
    """What the last of these cells defines, each cell a text of its own as in a notebook."""
    scope = {"__name__": "__main__"}
    for number, cell in enumerate((HEAD, *cells)):
        name = f"<cell-{number}-of-test_modules>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
        exec(compile(cell, name, "exec"), scope)
    return scope["MultiHeadAttention"]


def test_a_right_class_is_judged_apart_and_kept_with_what_it_stands_on(capsys):
    feedback = attention.MultiHeadAttention.check(from_cells(*CELLS))
    assert feedback.right, feedback
    assert feedback.notes == ("Kept as `my_gpt/attention_class.py`.",)
    kept = _progress.pieces_folder() / "attention_class.py"
    answer, trouble = load(kept.read_text(), "MultiHeadAttention", kept.name, 5.0)
    assert not trouble and attention.MultiHeadAttention.judge(answer).right


@pytest.mark.parametrize(
    ("line", "state", "words"),
    [
        ("import os; os._exit(3)", State.CRASHED, "exit code 3"),
        ("while True: pass", State.TIMED_OUT, "MultiHeadAttention(10, 2).train()("),
        ("x = [0] * 10**9", State.CRASHED, "of memory"),
    ],
    ids=["ends the process", "never ends", "memory"],
)
def test_a_class_is_guarded_as_a_function_is(line, state, words, capsys):
    hostile = CELLS[-1].replace("        q, k, v", f"        {line}\n        q, k, v")
    seconds = 1.0 if state is State.TIMED_OUT else 10.0  # a machine that is busy takes its time
    exercise = replace(attention.MultiHeadAttention, seconds=seconds)
    feedback = exercise.check(from_cells(*CELLS[:-1], hostile))
    assert feedback.state is state and words in str(feedback)
    assert not (_progress.pieces_folder() / "attention_class.py").exists()
