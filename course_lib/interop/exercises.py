"""Exercises and quiz of notebook 07: do two models agree, names, layouts, byte letters, sizes, requests."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake, Option, Property, Question, Quiz

Tensor = torch.Tensor
Weights = dict[str, Tensor]


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Do they agree? -------------------------------------------------------------------------------------------


def _agreement(ours: Tensor, theirs: Tensor) -> tuple[float, float]:
    """The largest difference of two (B, T, V) logits, and the share of places with the same best token."""
    largest = (ours - theirs).abs().max().item()
    same = ours.argmax(dim=-1) == theirs.argmax(dim=-1)
    return largest, same.float().mean().item()


def _agreement_cases() -> list[Case]:
    small = torch.tensor([[[1.0, 2, 0], [5, 0, 1]]])
    lower = small - torch.tensor([0.0, 0.5, 0])
    one, two = _random(2, 5, 7, seed=1), _random(2, 5, 7, seed=2)
    long = _random(2, 70, 80, seed=5)
    other = long.clone()
    other[:, 66:, 70] += 60.0
    tiny, apart = torch.tensor([[[0.0005, 0.0, -0.0004]]]), torch.tensor([[[1.0, 0.0, -0.5]]])
    return [
        Case(small, small + torch.tensor([0.0, -3, 0])),
        Case(small, lower),
        Case(one, one + 0.4 * two),
        Case(_random(3, 2, 5, seed=3), _random(3, 2, 5, seed=4)),
        Case(one, one),
        Case(_random(1, 1, 4, seed=6), _random(1, 1, 4, seed=7)),
        Case(_random(3, 3, 3, seed=8), _random(3, 3, 3, seed=9)),
        Case(tiny, -tiny),
        Case(apart, apart + torch.tensor([0.0, 4.23e-6, 0.0])),
        Case(100 * one.mT.contiguous().mT, 100 * two.mT.contiguous().mT),
        Case(one.double(), two.double()),
        Case(long, other),
        Case(one[:, :, :1], two[:, :, :1]),
    ]


def _two_models(draw: Draw) -> Case | None:
    """Logits of two models, equal, nearly so, or not at all; each place has one best token."""
    shape = draw.integer(1, 3), draw.integer(1, 5), draw.integer(1, 6)
    apart = 0.01 * torch.arange(shape[-1])
    ours = draw.tensor(*shape) + apart
    near = draw.choose((0.0, 3e-6, 0.0005, 0.5))
    theirs = ours + near * draw.tensor(*shape) if draw.boolean() else draw.tensor(*shape) + apart
    if shape[-1] > 1:
        best = torch.stack([ours, theirs]).topk(2).values
        if not (best[..., 0] - best[..., 1] > 1e-3).all():
            return None
    return Case(ours.mT.contiguous().mT, theirs) if draw.boolean() else Case(ours, theirs)


def _pair(largest: Callable[[Tensor], Tensor], same: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """An answer with another way to measure one of the two."""
    return lambda ours, theirs: (largest(ours - theirs).item(), same(ours, theirs).float().mean().item())


def _largest(gap: Tensor) -> Tensor:
    return gap.abs().max()


def _same_best(ours: Tensor, theirs: Tensor) -> Tensor:
    return ours.argmax(dim=-1) == theirs.argmax(dim=-1)


agreement = Exercise(
    name="agreement",
    topic="interop",
    title="Do two models agree?",
    kind="explore",
    difficulty="easy",
    minutes=8,
    reference=_agreement,
    cases=_agreement_cases,
    fresh=_two_models,
    atol=1e-9,
    differentiable=False,
    hints=(
        "Two numbers, from the same two tensors. For the first you need no loop: a difference, its size "
        "without the sign, and the largest of all.",
        "The best token of a place is the one with the highest logit: `argmax` over the last axis, which "
        "has one entry for each token.",
        "`==` on two tensors of ids gives True and False; `.float().mean()` of these is the share of True.",
    ),
    explanation=(
        "The largest difference says how far apart the *numbers* are, the share how often that changes the "
        "*text*. Both are needed. A wrong detail may move logits by a thousandth and leave every best token "
        "as it was, until a text comes along in which two tokens are nearly equal.\n\n"
        "A mean in place of the largest would hide a single wrong place among thousands of right ones."
    ),
    mistakes=(
        *(
            Mistake(
                "the sign of the difference is kept",
                _pair(largest, _same_best),
                "Where theirs is larger, the difference is negative, and the largest of these numbers does "
                "not see it. Take `.abs()` first.",
            )
            for largest in (torch.max, lambda gap: gap.max().abs(), lambda gap: gap.max().clamp(min=0))
        ),
        Mistake(
            "the signs are taken from the logits, not from their difference",
            lambda ours, theirs: (_largest(ours.abs() - theirs.abs()).item(), _agreement(ours, theirs)[1]),
            "2 and -2 are 4 apart. Subtract first, and take `.abs()` of the difference.",
        ),
        Mistake(
            "the share of places that differ",
            _pair(_largest, lambda a, b: ~_same_best(a, b)),
            "How often do they *agree*? Two equal models share all places: 1.",
        ),
        Mistake(
            "the best logits are compared, not their tokens",
            _pair(_largest, lambda a, b: a.amax(dim=-1) == b.amax(dim=-1)),
            "`max` gives how large the best logit is. Which token it belongs to says `argmax`.",
        ),
        Mistake(
            "probabilities are compared, not logits",
            lambda ours, theirs: (
                _largest(ours.softmax(-1) - theirs.softmax(-1)).item(),
                _agreement(ours, theirs)[1],
            ),
            "The largest difference of the logits is asked for, as they came: no softmax.",
        ),
        Mistake(
            "the mean difference instead of the largest",
            _pair(lambda gap: gap.abs().mean(), _same_best),
            "One place that is quite wrong among a thousand right ones hardly moves the mean. Take `.max()`.",
        ),
        Mistake(
            "the best place for each token, not the best token for each place",
            _pair(_largest, lambda a, b: a.argmax(dim=1) == b.argmax(dim=1)),
            "The axes are (B, T, V). `argmax` has to choose among the V tokens: `dim=-1`.",
        ),
        Mistake(
            "only the last place is compared",
            _pair(_largest, lambda a, b: a[:, -1].argmax(-1) == b[:, -1].argmax(-1)),
            "To write, a model needs only the last place, but a wrong mask or position shows at others. "
            "Compare all T of them.",
        ),
        *(
            Mistake(
                "logits that are equal are counted",
                _pair(_largest, equal),
                "That asks for every number of every place. Ask for the same best token: `argmax` of each, "
                "then `==`.",
            )
            for equal in (torch.eq, lambda a, b: torch.isclose(a, b.to(a.dtype)))
        ),
        Mistake(
            "the best text of the batch, not the best token for each place",
            _pair(_largest, lambda a, b: a.argmax(dim=0) == b.argmax(dim=0)),
            "The axes are (B, T, V). `argmax` has to choose among the V tokens: `dim=-1`.",
        ),
        Mistake(
            "one best entry of all, not the best token for each place",
            _pair(_largest, lambda a, b: a.argmax() == b.argmax()),
            "Without `dim`, `argmax` looks for the largest of all numbers in the tensor. Each place has a "
            "best token of its own: `dim=-1`.",
        ),
        Mistake(
            "only whole texts that agree are counted",
            _pair(_largest, lambda a, b: _same_best(a, b).all(dim=-1)),
            "The share is one of places, not of texts: where one place of a text differs, the others still "
            "count.",
        ),
        Mistake(
            "the share is in percent",
            lambda ours, theirs: (_agreement(ours, theirs)[0], 100 * _agreement(ours, theirs)[1]),
            "A share is a number from 0 to 1: one half is 0.5.",
        ),
        Mistake(
            "the two numbers are swapped",
            lambda ours, theirs: _agreement(ours, theirs)[::-1],
            "The largest difference comes first, then the share.",
        ),
        Mistake(
            "the difference of the two largest logits",
            lambda ours, theirs: (abs(ours.max() - theirs.max()).item(), _agreement(ours, theirs)[1]),
            "The two largest may stand at different places, and say nothing of all others. Subtract first, "
            "entry by entry, then look for the largest.",
        ),
        Mistake(
            "all differences are added up",
            _pair(lambda gap: gap.abs().sum(), _same_best),
            "A sum grows with the length of the text. The largest of them says how far apart the two ever "
            "are: `.max()`.",
        ),
        Mistake(
            "the number of places instead of their share",
            lambda ours, theirs: (_largest(ours - theirs).item(), _same_best(ours, theirs).sum().item()),
            "A count depends on how long the text was. Divide by the number of places: `.float().mean()`.",
        ),
    ),
)


# Names ----------------------------------------------------------------------------------------------------

_OUTER = {
    "transformer.wte": "tokens",
    "transformer.wpe": "positions",
    "transformer.ln_f": "norm",
    "lm_head": "head",
}
_INNER = {
    "ln_1": "norm1",
    "attn.c_attn": "attention.qkv",
    "attn.c_proj": "attention.out",
    "ln_2": "norm2",
    "mlp.c_fc": "mlp.up",
    "mlp.c_proj": "mlp.down",
}


def _our_name(theirs: str) -> str:
    """The name in our GPT for a name in GPT-2."""
    outer = {
        "transformer.wte": "tokens", "transformer.wpe": "positions", "transformer.ln_f": "norm",
        "lm_head": "head",
    }  # fmt: skip
    inner = {
        "ln_1": "norm1", "attn.c_attn": "attention.qkv", "attn.c_proj": "attention.out",
        "ln_2": "norm2", "mlp.c_fc": "mlp.up", "mlp.c_proj": "mlp.down",
    }  # fmt: skip
    part, kind = theirs.rsplit(".", 1)
    if part in outer:
        return f"{outer[part]}.{kind}"
    layer, part = part.removeprefix("transformer.h.").split(".", 1)
    return f"blocks.{layer}.{inner[part]}.{kind}"


_ALL_PARTS = tuple(f"{part}.{kind}" for part in _INNER for kind in ("weight", "bias"))


def _any_name(draw: Draw) -> Case:
    """A tensor of a layer; GPT-2 in its largest size has 48 of them."""
    return Case(f"transformer.h.{draw.integer(0, 47)}.{draw.choose(_ALL_PARTS)}")


_NAME_CASES = tuple(
    Case(name)
    for name in (
        "transformer.h.0.ln_1.weight",
        "transformer.wte.weight",
        "transformer.h.3.attn.c_attn.bias",
        "transformer.h.11.attn.c_proj.weight",
        "transformer.h.3.mlp.c_fc.weight",
        "transformer.h.10.mlp.c_proj.bias",
        "transformer.h.7.ln_2.bias",
        "transformer.wpe.weight",
        "transformer.ln_f.bias",
        "lm_head.weight",
        "transformer.ln_f.weight",
        *(f"transformer.h.{layer}.{part}" for layer in (1, 47) for part in _ALL_PARTS),
    )
)


def _with_parts(inner: dict[str, str], outer: dict[str, str] = _OUTER) -> Callable[[str], str]:
    def name(theirs: str) -> str:
        part, kind = theirs.rsplit(".", 1)
        if part in outer:
            return f"{outer[part]}.{kind}"
        layer, part = part.removeprefix("transformer.h.").split(".", 1)
        return f"blocks.{layer}.{inner[part]}.{kind}"

    return name


def _one_digit(theirs: str) -> str:
    if not theirs.startswith("transformer.h."):
        return _our_name(theirs)
    rest, digit = theirs.removeprefix("transformer.h."), theirs.removeprefix("transformer.h.")[0]
    return f"blocks.{digit}." + _our_name(f"transformer.h.0.{rest[2:].lstrip('.0123456789')}")[9:]


def _by_replacing(theirs: str) -> str:
    """The parts are replaced, but c_proj by one and the same name."""
    return _with_parts(_INNER | {"mlp.c_proj": "mlp.out"})(theirs)


our_name = Exercise(
    name="our_name",
    topic="interop",
    title="The same part under two names",
    kind="explore",
    difficulty="easy",
    minutes=12,
    reference=_our_name,
    cases=_NAME_CASES,
    fresh=_any_name,
    hints=(
        "A name has a place (which layer, or none), a part, and a kind: `weight` or `bias`. Only the first "
        "two "
        "change, so cut the kind off first: `theirs.rsplit('.', 1)`.",
        "Two dictionaries do the work: one for the four parts outside of the layers, one for the six inside. "
        "Use two words as a key where one is not enough: `'attn.c_proj'` and `'mlp.c_proj'`.",
        "For a name inside a layer, remove `transformer.h.` from its front, then `.split('.', 1)` gives the "
        "number of the layer, which may have two digits, and the part.",
    ),
    explanation=(
        "Nothing is computed here: a table of names is all of the knowledge. The course's own table is in "
        "`course_lib/interop/families.py`, with one table each for Llama, Qwen3 and GPT-NeoX. The mistakes "
        "are in the corners: two parts whose last word is the same, layers above nine, the biases."
    ),
    mistakes=(
        Mistake(
            "the two c_proj are taken for the same part",
            _with_parts(_INNER | {"mlp.c_proj": "attention.out"}),
            "There is a `c_proj` in `attn` and one in `mlp`; ours are `attention.out` and `mlp.down`. Look "
            "at "
            "the word before it too.",
        ),
        Mistake(
            "the MLP's way back is called out",
            _by_replacing,
            "In our GPT the MLP has `up` and `down`; `out` belongs to attention.",
        ),
        Mistake(
            "only one digit of the layer's number is read",
            _one_digit,
            "The largest GPT-2 has layers 0 to 47. Split at the full stops instead of counting characters.",
        ),
        Mistake(
            "every name ends in weight",
            lambda theirs: _our_name(theirs).rsplit(".", 1)[0] + ".weight",
            "A part has a bias as well as a weight. Cut the last word off and put the same one back.",
        ),
        Mistake(
            "the head keeps its name",
            _with_parts(_INNER, _OUTER | {"lm_head": "lm_head"}),
            "`lm_head` is called `head` in our GPT.",
        ),
        Mistake(
            "attention is called attn",
            lambda theirs: _our_name(theirs).replace("attention", "attn"),
            "In our GPT the part has its full name, `attention`.",
        ),
        Mistake(
            "names still begin with transformer",
            lambda theirs: "transformer." * theirs.startswith("transformer.") + _our_name(theirs),
            "Our names have no word in front that holds for all parts: leave `transformer.` out.",
        ),
        Mistake(
            "names outside of the layers stay as they were",
            lambda theirs: _our_name(theirs) if theirs.startswith("transformer.h.") else theirs,
            "Four parts stand outside of the layers: `wte`, `wpe`, `ln_f` and `lm_head`. They have other "
            "names in our GPT, too.",
        ),
        Mistake(
            "the kind is left out",
            lambda theirs: _our_name(theirs).rsplit(".", 1)[0],
            "The full name of a tensor ends in `weight` or `bias`: put the last word back.",
        ),
        Mistake(
            "layers are counted from one",
            lambda theirs: ".".join(
                str(int(word) + 1) if word.isdecimal() else word for word in _our_name(theirs).split(".")
            ),
            "Both count their layers from 0: the number stays what it is.",
        ),
        Mistake(
            "the head is given the tokens' name",
            _with_parts(_INNER, _OUTER | {"lm_head": "tokens"}),
            "In GPT-2 both share one tensor, but each has its own name: `lm_head` is our `head`.",
        ),
        Mistake(
            "the two norms of a layer are swapped",
            _with_parts(_INNER | {"ln_1": "norm2", "ln_2": "norm1"}),
            "`ln_1` stands before attention, as our `norm1` does. Swapped norms fit in shape, so nothing "
            "would complain.",
        ),
        Mistake(
            "the last norm is put into a layer",
            _with_parts(_INNER, _OUTER | {"transformer.ln_f": "blocks.norm"}),
            "`ln_f` stands after all layers (f for *final*); ours is just `norm`.",
        ),
    ),
)


# Layouts --------------------------------------------------------------------------------------------------


def _to_linear(weights: Weights) -> Weights:
    """GPT-2's weights with the matrices of its Conv1D layers turned, and everything else as it was."""
    turned = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    return {name: weight.T if name.endswith(turned) else weight for name, weight in weights.items()}


def _shapes(C: int, layer: int) -> dict[str, tuple[int, ...]]:
    inside = {
        "ln_1.weight": (C,),
        "ln_1.bias": (C,),
        "attn.c_attn.weight": (C, 3 * C),
        "attn.c_attn.bias": (3 * C,),
        "attn.c_proj.weight": (C, C),
        "attn.c_proj.bias": (C,),
        "ln_2.weight": (C,),
        "mlp.c_fc.weight": (C, 4 * C),
        "mlp.c_fc.bias": (4 * C,),
        "mlp.c_proj.weight": (4 * C, C),
        "mlp.c_proj.bias": (C,),
    }
    outside = {"transformer.wte.weight": (7, C), "transformer.wpe.weight": (C, C)}
    after = {"transformer.ln_f.weight": (C,), "transformer.ln_f.bias": (C,), "lm_head.weight": (7, C)}
    return {**outside, **{f"transformer.h.{layer}.{part}": s for part, s in inside.items()}, **after}


def _layer_weights(C: int, seed: int, layer: int = 0, dtype: torch.dtype = torch.float32) -> Weights:
    shapes = enumerate(_shapes(C, layer).items())
    return {name: _random(*shape, seed=seed + i).to(dtype) for i, (name, shape) in shapes}


def _layout_cases() -> list[Case]:
    toy = {
        "transformer.h.0.attn.c_proj.weight": torch.tensor([[1.0, 2], [3, 4]]),
        "transformer.wte.weight": torch.ones(3, 2),
    }
    return [
        Case(toy),
        Case(_layer_weights(2, 10)),
        Case(_layer_weights(3, 30, 11, torch.float64)),
        Case({"transformer.wpe.weight": _random(3, 2)}),
        Case({"lm_head.weight": _random(2, 3)}),
        Case({}),
        Case(_layer_weights(1, 70, 2)),
        Case(_layer_weights(70, 50, 1)),
    ]


def _some_weights(draw: Draw) -> Case:
    """Weights of one layer, and of what is around it, some of them turned in memory already."""
    shapes = _shapes(draw.integer(1, 4), draw.choose((0, 1, 9, 10, 47)))
    names = draw.list(lambda: draw.choose(list(shapes)), 0, 8)
    return Case({name: draw.tensor(*shapes[name]) for name in names})


class _Given(dict):
    """A dictionary that a property hands over itself, not as a copy."""


def _gives_a_new_dictionary(answer: Callable[[Weights], Weights]) -> bool:
    given = _Given({"transformer.wte.weight": torch.ones(2, 3)}), _Given()
    return all(answer(weights) is not weights for weights in given)


def _keeps_the_kind_of_number(answer: Callable[[Weights], Weights]) -> bool | str:
    """Weights in half, single or double precision come out as they went in."""
    for dtype in (torch.float16, torch.float32, torch.float64):
        given = _layer_weights(2, 90, dtype=dtype)
        for name, weight in answer(dict(given)).items():
            if (found := torch.as_tensor(weight).dtype) != dtype:
                return f"`{name}` was {dtype}, and came out as {found}."
    return True


def _turning(chosen: Callable[[str, Tensor], bool], turn: Callable[[Tensor], Tensor] = torch.t) -> Callable:
    return lambda weights: {n: turn(w) if chosen(n, w) else w for n, w in weights.items()}


def _conv(name: str, weight: Tensor) -> bool:
    return name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))


def _only_the_turned(weights: Weights) -> Weights:
    return {name: weight.T for name, weight in weights.items() if _conv(name, weight)}


def _in_place(weights: Weights) -> Weights:
    for name in weights:
        if _conv(name, weights[name]):
            weights[name] = weights[name].T
    return weights


to_linear = Exercise(
    name="to_linear",
    topic="interop",
    title="Turn the matrices",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_to_linear,
    cases=_layout_cases,
    fresh=_some_weights,
    differentiable=False,
    properties=(
        Property(
            "a new dictionary",
            _gives_a_new_dictionary,
            "the result is a new dictionary, not the one that was given, even if there is nothing to turn",
        ),
        Property(
            "the kind of number",
            _keeps_the_kind_of_number,
            "numbers stay of the kind that they were, in matrices that are turned too",
        ),
    ),
    hints=(
        "Go through the dictionary and make a new one. Some tensors go in turned, `weight.T`; all others go "
        "in as they are.",
        "Which ones? Those of GPT-2's `Conv1D` layers: their names end in `c_attn.weight`, `c_proj.weight` "
        "or "
        "`c_fc.weight`. The shape does not tell, since the tables `wte` and `wpe` are matrices as well.",
    ),
    explanation=(
        "`name.endswith((..., ...))` takes a tuple of endings. The tables `wte` and `wpe` are looked up by "
        "row in both libraries, so they stay; the head is a `Linear` in both; vectors have nothing to turn."
        "\n\n"
        "The tensor from `.T` is a view: no number moves, only the order in which memory is read. Writing it "
        "to a file needs `.contiguous()`."
    ),
    mistakes=(
        Mistake(
            "every matrix is turned, the tables too",
            _turning(lambda name, weight: weight.ndim == 2),
            "`wte` and `wpe` are tables with a row for each token and each place, in both libraries. Choose "
            "by name, not by the number of axes.",
        ),
        Mistake(
            "the head is turned, too",
            _turning(lambda name, weight: weight.ndim == 2 and "wte" not in name and "wpe" not in name),
            "`lm_head` is a `Linear` in GPT-2 as well, and has a row for each token. Only `c_attn`, `c_fc` "
            "and `c_proj` are turned.",
        ),
        *(
            Mistake(
                "reshaped instead of turned",
                _turning(_conv, reshape),
                "`reshape` and `view` give the right shape with the numbers in the wrong places: they read "
                "on in rows. `.T` swaps rows and columns.",
            )
            for reshape in (lambda w: w.reshape(w.shape[::-1]), lambda w: w.view(w.shape[::-1]))
        ),
        Mistake(
            "only what is turned is given",
            _only_the_turned,
            "The new dictionary should hold all weights: those that stay as they were, too.",
        ),
        Mistake(
            "the given dictionary is given back where nothing is to be turned",
            lambda weights: _to_linear(weights) if any(_conv(n, w) for n, w in weights.items()) else weights,
            "It is the same dictionary under two names: whoever changes one changes the other. Make a new "
            "one in any case.",
        ),
        Mistake(
            "square matrices are left as they were",
            _turning(lambda n, w: _conv(n, w) and w.shape[0] != w.shape[-1]),
            "A square matrix has the same shape when it is turned, so no check of shapes will miss it; the "
            "numbers are wrong all the same.",
        ),
        Mistake(
            "only the projections of attention are turned",
            _turning(lambda n, w: _conv(n, w) and "attn" in n),
            "The MLP's `c_fc` and `c_proj` are Conv1D layers too.",
        ),
        Mistake(
            "c_proj is forgotten",
            _turning(lambda n, w: n.endswith(("c_attn.weight", "c_fc.weight"))),
            "`c_proj.weight` is one of them: in attention as well as in the MLP.",
        ),
        Mistake(
            "the MLP's c_proj is forgotten",
            _turning(lambda n, w: _conv(n, w) and "mlp.c_proj" not in n),
            "There are two `c_proj`, one in attention and one in the MLP. Both are `Conv1D`.",
        ),
        Mistake(
            "only the first layer is turned",
            _turning(lambda n, w: _conv(n, w) and n.startswith("transformer.h.0.")),
            "All layers have these matrices, whatever their number.",
        ),
        Mistake(
            "layers above nine are forgotten",
            _turning(lambda n, w: _conv(n, w) and n.split(".")[2] in "0123456789"),
            "A layer's number may have two digits: `\\d+` in a pattern, or look at the end of the name only.",
        ),
        *(
            Mistake(
                "what was given is changed",
                wrong,
                "Whoever called still needs their weights; a second call would turn them back. Make a new "
                "dictionary, and turn with `.T`, which leaves the tensor as it is.",
            )
            for wrong in (_in_place, _turning(_conv, torch.Tensor.t_))
        ),
    ),
)


# Byte letters ---------------------------------------------------------------------------------------------


def _byte_letters() -> dict[int, str]:
    """A visible character for each byte, as GPT-2's vocabulary files write it."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, moved = {}, 0
    for byte in range(256):
        if byte in own:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + moved)
            moved += 1
    return letters


def _letters(own: Any, moved: Callable[[int, int], int] = lambda byte, count: 256 + count) -> dict[int, str]:
    letters, count = {}, 0
    for byte in range(256):
        letters[byte] = chr(byte) if byte in own else chr(moved(byte, count))
        count += byte not in own
    return letters


_OWN = frozenset([*range(33, 127), *range(161, 173), *range(174, 256)])

byte_letters = Exercise(
    name="byte_letters",
    topic="interop",
    title="A letter for every byte",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=12,
    reference=_byte_letters,
    cases=(Case(),),
    hints=(
        "Go through the bytes 0 to 255 in order. Is it in one of the three ranges? Then its letter is "
        "`chr(byte)`.",
        "For the others you need a counter that starts at 0 and goes up by one each time: the letter is "
        "`chr(256 + counter)`.",
        "Python's ranges end before their last number: 33 to 126 is `range(33, 127)`. Byte 173, a hyphen "
        "that is not shown, is between two of the ranges.",
    ),
    explanation=(
        "188 bytes keep their letter, 68 are moved to the places from 256 on. The space, byte 32, is the "
        "33rd that has to move, after 0 to 31, so it becomes `chr(256 + 32)`: the Ġ that stands in front "
        "of words in so many vocabularies.\n\n"
        "Since no two bytes have the same letter, the table can be read backwards, and nothing is lost."
    ),
    mistakes=(
        Mistake(
            "every byte is its own character",
            lambda: {byte: chr(byte) for byte in range(256)},
            "`chr(32)` is a space and `chr(10)` the end of a line: in a file that has a token a line, and a "
            "space between two, they would cut tokens apart. Such bytes have to move.",
        ),
        Mistake(
            "256 plus the byte, instead of 256 plus a counter",
            lambda: _letters(_OWN, lambda byte, count: 256 + byte),
            "It would be a fair table too, but GPT-2's files use the other: the bytes that move are numbered "
            "one after the other.",
        ),
        Mistake(
            "the ends of the ranges are missing",
            lambda: _letters({*range(33, 126), *range(161, 172), *range(174, 255)}),
            "126, 172 and 255 belong to the ranges. `range(33, 126)` stops at 125.",
        ),
        *(
            Mistake(
                "the ranges reach one too far",
                answer,
                "126, 172 and 255 are the last of their ranges: 127 moves (it is *delete*), and so does 173. "
                "`range(33, 127)` ends with 126.",
            )
            for answer in (
                lambda: _letters({*range(33, 128), *range(161, 174), *range(174, 256)}),
                lambda: _letters({*range(33, 128), *range(161, 173), *range(174, 256)}),
            )
        ),
        Mistake(
            "only the first of the three ranges stays",
            lambda: _letters(range(33, 127)),
            "The bytes 161 to 172 and 174 to 255 are visible characters too, and stay what they are.",
        ),
        Mistake(
            "the space keeps its character",
            lambda: _letters(_OWN | {32}),
            "The first range begins at 33: the space is 32, and it moves. In a file with a space between two "
            "tokens it would cut tokens apart.",
        ),
        Mistake(
            "only the bytes that move are in the table",
            lambda: {byte: letter for byte, letter in _letters(_OWN).items() if byte not in _OWN},
            "Each of the 256 bytes needs a letter. Those in the three ranges keep theirs: `chr(byte)`.",
        ),
        Mistake(
            "only the bytes that stay are in the table",
            lambda: {byte: chr(byte) for byte in sorted(_OWN)},
            "Each of the 256 bytes needs a letter. Those outside of the three ranges get `chr(256)`, "
            "`chr(257)` and so on.",
        ),
        Mistake(
            "the letters are numbers",
            lambda: {byte: ord(letter) for byte, letter in _letters(_OWN).items()},
            "A letter is a text of one character: `chr` makes it of a number.",
        ),
        Mistake(
            "byte 173 keeps its character",
            lambda: _letters(_OWN | {173}),
            "173 is the *soft hyphen*, which is not shown. It is the gap between the second range and the "
            "third.",
        ),
        Mistake(
            "the counter starts at one",
            lambda: _letters(_OWN, lambda byte, count: 257 + count),
            "The first byte that moves, 0, gets `chr(256)`: use the counter first, then add one.",
        ),
        Mistake(
            "the table is the wrong way round",
            lambda: {letter: byte for byte, letter in _letters(_OWN).items()},
            "Keys should be the bytes, 0 to 255, and values the letters: that way is needed to write. The "
            "other way round serves to read.",
        ),
    ),
)


# A bug to find --------------------------------------------------------------------------------------------


def _letters_astray() -> dict[int, str]:
    letters = {}
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + byte)
    return letters


def _mended_letters() -> dict[int, str]:
    letters, moved = {}, 0
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + moved)
            moved += 1
    return letters


letters_astray = replace(
    byte_letters,
    name="letters_astray",
    title="Find the bug: letters that nobody knows",
    kind="bug",
    mark="core",
    difficulty="medium",
    minutes=8,
    reference=_mended_letters,
    faulty=_letters_astray,
    symptom=(
        "English is spelled as in the vocabulary, a space and the end of a line too, and even some Chinese; "
        "but other characters get letters that are not in the file at all."
    ),
    hints=(
        "Which bytes go wrong? `list('的'.encode())` gives those of one that does, and `list('好'.encode())` "
        "of one that doesn't. In which ranges of the rule do they lie?",
        "A space is byte 32, and gets `chr(256 + 32)`, as it should: 32 others had to move before it. How "
        "many had to move before byte 127?",
        "The letters from 256 on are given out one after the other, to the bytes that move and to no others. "
        "So the code has to know how many were given out so far.",
    ),
    explanation=(
        "The bytes 0 to 32 all move, so the byte 32 is the one with 32 others before it: there, the byte "
        "and the count of what has moved are the same number by chance. Between 33 and 126 nothing moves, "
        "so byte 127 is only the 34th and gets `chr(256 + 33)`. From there on byte and count go apart.\n\n"
        "A program with this fault passes every test in English. In UTF-8, English is bytes below 127, and "
        "the first to meet the fault are those who write in another language. Test a tokenizer with all 256 "
        "bytes."
    ),
    mistakes=(
        *byte_letters.mistakes,
        Mistake(
            "one fixed number is taken off for all bytes above 126",
            lambda: _letters(_OWN, lambda byte, count: 256 + byte - 94 * (byte > 126)),
            "That is right up to byte 160, and byte 173 is still astray: twelve more stay before it. Count "
            "the bytes that move.",
        ),
    ),
)


# Sizes ----------------------------------------------------------------------------------------------------


def _weight_bytes(shapes: list[tuple[int, ...]], dtype: torch.dtype) -> int:
    """How many bytes tensors of these shapes need."""
    return sum(math.prod(shape) for shape in shapes) * dtype.itemsize


def _size_cases() -> list[Case]:
    return [
        Case([(2, 3)], torch.float32),
        Case([(5, 7), (7,), (2, 3, 5)], torch.float16),
        Case([(3, 3), ()], torch.float64),
        Case([(7, 2), (2,)], torch.bfloat16),
        Case([(5,), (5, 5)], torch.int8),
        Case([], torch.float32),
        Case([(3, 4), (3, 4), (2,), (3, 4)], torch.float32),
        Case([(3, 4), (3, 4), (2,), (3, 4)], torch.int16),
        Case([(), ()], torch.bool),
        Case([(300, 257), (0, 5), (2, 1, 70, 9)], torch.bfloat16),
        Case([(4099, 4099)], torch.int8),
        Case([(i + 1, 2) for i in range(1100)], torch.complex64),
        Case([(50_000, 50_000)], torch.int8),  # more than 32 bits can count
    ]


_DTYPES = "float32 float16 bfloat16 float64 int8 int64 uint8 bool int16 complex64".split()


def _some_shapes(draw: Draw) -> Case:
    def size() -> int:
        return draw.choose((draw.integer(0, 4), draw.integer(1, 20), draw.integer(1, 70)))

    shapes = draw.list(lambda: tuple(size() for _ in range(draw.integer(0, 3))), 0, 6)
    return Case(shapes, getattr(torch, draw.choose(_DTYPES)))


def _sized(
    count: Callable[[tuple[int, ...]], int], size: Callable[[torch.dtype], float] = lambda d: d.itemsize
) -> Callable:
    return lambda shapes, dtype: sum(map(count, shapes)) * size(dtype)


weight_bytes = Exercise(
    name="weight_bytes",
    topic="interop",
    title="How large will the file be?",
    kind="explore",
    mark="more",
    difficulty="easy",
    minutes=6,
    reference=_weight_bytes,
    cases=_size_cases,
    fresh=_some_shapes,
    hints=(
        "How many numbers does a tensor of the shape (5, 7) hold? Multiply. How many do all of them? Add. "
        "How "
        "many bytes does one number need? Ask the dtype.",
        "`math.prod(shape)` multiplies the entries of a tuple; for `()` it gives 1, which is right, as "
        "such a "
        "tensor holds one number. `torch.float16.itemsize` is 2.",
    ),
    explanation=(
        "Numbers times bytes per number. That is the whole size of a model, in a file as well as in memory; "
        "all else in the file is a short list of names. A GPT-2 of 124 million parameters needs about 0.5 GB "
        "in float32, and half of that in float16 or bfloat16."
    ),
    mistakes=(
        Mistake(
            "bits instead of bytes",
            _sized(math.prod, lambda d: 8 * d.itemsize),
            "A byte has 8 bits: float32 needs 4 bytes for a number.",
        ),
        Mistake(
            "the sizes of the axes are added",
            _sized(sum),
            "A matrix with 5 rows and 7 columns holds 5 times 7 numbers, not 5 plus 7.",
        ),
        Mistake(
            "four bytes for every kind of number",
            _sized(math.prod, lambda d: 4),
            "That is true of float32. Ask the dtype that was given: `dtype.itemsize`.",
        ),
        Mistake(
            "the numbers are counted, not the bytes",
            _sized(math.prod, lambda d: 1),
            "The count is right. What is missing is the size of one number: `dtype.itemsize`.",
        ),
        Mistake(
            "it is no whole number",
            lambda shapes, dtype: _weight_bytes(shapes, dtype) * 8 / 8,
            "Bytes can be counted, so the answer is a whole number; `/` always gives one with a point. "
            "Multiply with `dtype.itemsize`, and nothing has to be divided.",
        ),
        Mistake(
            "shapes that come again are counted once",
            lambda shapes, dtype: _weight_bytes(list(set(shapes)), dtype),
            "Two tensors of the same shape are two tensors: all layers of a model look alike.",
        ),
        Mistake(
            "it returns after the first shape",
            lambda shapes, dtype: _weight_bytes(shapes[:1], dtype),
            "A `return` inside the loop ends it. Move it to the left, behind the loop.",
        ),
        Mistake(
            "the size of a number is added, not multiplied",
            lambda shapes, dtype: sum(map(math.prod, shapes)) + dtype.itemsize,
            "Every single number needs so many bytes: multiply.",
        ),
        Mistake(
            "only matrices are counted",
            _sized(lambda shape: math.prod(shape) if len(shape) > 1 else 0),
            "Biases and norms are vectors; they are small, but they are in the file.",
        ),
        Mistake(
            "a tensor without axes counts as nothing",
            _sized(lambda shape: math.prod(shape) if shape else 0),
            "The shape `()` is a single number. `math.prod(())` is 1, as it should be.",
        ),
    ),
)


# Requests -------------------------------------------------------------------------------------------------


def _chat_request(
    model: str, system: str | None, turns: list[tuple[str, str]], question: str, max_tokens: int = 64
) -> dict[str, Any]:
    """The body of a request to a chat: what was said so far, in order, and then the question."""
    messages = [] if system is None else [{"role": "system", "content": system}]
    for asked, answered in turns:
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": answered})
    messages.append({"role": "user", "content": question})
    return {"model": model, "messages": messages, "max_tokens": max_tokens}


_CHAT_CASES = (
    Case("base", "Be brief.", [], "Who lost a kite?"),
    Case("base", None, [("Hi!", "Hello."), ("你好", "你好！")], "Who lost a kite?", max_tokens=7),
    Case("small", "Be kind.", [("Where is Lily?", "In the park.")], "With whom?"),
    Case(
        "My  Model/2🙂\n",
        " Be  brief.\n",
        [("Hi\n", " "), ("Hi\n", " "), ("", "Oh.")],
        " Who?\n",
        max_tokens=4096,
    ),
    Case("base", "", [], "", max_tokens=0),
    Case("base", "<b> & 'c'\r\n", [("a  <b>", "1 & 2\r\n"), ("\\n\tq", '"x" %s {0}')], 'Is 1 < 2?\r\n"'),
    Case("模型", "简短。🙂", [("b", "x"), ("a", "x"), ("b", "x"), ("b", "x")], "谁？ 🙂", max_tokens=1),
    Case(
        "base",
        "Be brief. " * 9,
        [(f"{i}? " * 30, f"{i}. " * 30) for i in range(70)],
        "And? " * 20,
        max_tokens=64,
    ),
    Case(
        "base",
        "Be brief. " * 210,
        [("Who? " * 420, "Mia. " * 420), *((f"{i}?", f"{i}.") for i in range(1050))],
        "And? " * 420,
        max_tokens=50_000,
    ),
)


def _some_talk(draw: Draw) -> Case:
    system = draw.choose((None, "", draw.text(1, 4)))
    turns = draw.list(lambda: (draw.text(0, 3), draw.text(0, 3)), 0, 5)
    body = (draw.choose(("base", "small", "Base", "c/C++ 2", "")), system, turns, draw.text(0, 4))
    limit = draw.choose((None, 64, 0, 1, 7, 300, 100_000))
    return Case(*body) if limit is None else Case(*body, max_tokens=limit)


def _chat(**changes: Any) -> Callable[..., dict[str, Any]]:
    """An answer with something else under some names, each made from the right body and the arguments."""

    def request(
        model: str, system: str | None, turns: list, question: str, max_tokens: int = 64
    ) -> dict[str, Any]:
        body = _chat_request(model, system, turns, question, max_tokens)
        for name, change in changes.items():
            body[name] = change(body, system, turns, question)
        return body

    return request


def _named(names: dict[str, str]) -> Callable:
    return lambda body, *rest: [{**m, "role": names.get(m["role"], m["role"])} for m in body["messages"]]


def _without_history(body: dict, system: str | None, turns: list, question: str) -> list:
    return [m for m in body["messages"] if m["role"] == "system"] + body["messages"][-1:]


def _without_answers(body: dict, *rest: Any) -> list:
    return [m for m in body["messages"] if m["role"] != "assistant"]


def _question_first(body: dict, *rest: Any) -> list:
    return [body["messages"][-1], *body["messages"][:-1]]


def _always_system(body: dict, system: str | None, *rest: Any) -> list:
    there = body["messages"] if system is None else body["messages"][1:]
    return [{"role": "system", "content": system}, *there]


def _one_text(body: dict, *rest: Any) -> str:
    return "\n".join(str(m["content"]) for m in body["messages"])


def _last_turn_only(body: dict, system: str | None, turns: list, question: str) -> list:
    return _chat_request("", system, turns[-1:], question)["messages"]


def _newest_first(body: dict, system: str | None, turns: list, question: str) -> list:
    return _chat_request("", system, turns[::-1], question)["messages"]


def _empty_system_dropped(body: dict, system: str | None, turns: list, question: str) -> list:
    return _chat_request("", system or None, turns, question)["messages"]


def _system_last(body: dict, *rest: Any) -> list:
    return sorted(body["messages"], key=lambda m: m["role"] == "system")


def _roles_exchanged(body: dict, system: str | None, turns: list, question: str) -> list:
    *said, _ = _named({"user": "assistant", "assistant": "user"})(body)
    return [*said, body["messages"][-1]]


def _full_turns(body: dict, system: str | None, turns: list, question: str) -> list:
    return _chat_request("", system, [turn for turn in turns if all(turn)], question)["messages"]


def _stripped(
    model: str, system: str | None, turns: list, question: str, max_tokens: int = 64
) -> dict[str, Any]:
    body = _chat_request(model, system, turns, question, max_tokens)
    return body | {"messages": [m | {"content": m["content"].strip()} for m in body["messages"]]}


def _question_among_turns(
    model: str, system: str | None, turns: list, question: str, max_tokens: int = 64
) -> dict[str, Any]:
    body = _chat_request(model, system, turns, question, max_tokens)
    turns.append((question, ""))
    return body


def _no_limit(
    model: str, system: str | None, turns: list, question: str, max_tokens: int = 64
) -> dict[str, Any]:
    body = _chat_request(model, system, turns, question)
    del body["max_tokens"]
    return body


chat_request = Exercise(
    name="chat_request",
    topic="interop",
    title="Write the request",
    kind="explore",
    difficulty="medium",
    minutes=12,
    reference=_chat_request,
    cases=_CHAT_CASES,
    fresh=_some_talk,
    hints=(
        "The body is a dictionary with three keys: `model`, `messages` and `max_tokens`. Only the list of "
        "messages needs thought.",
        "Start with an empty list, or with the system message if there is one. Then for each pair of `turns` "
        "two messages, the user's and the assistant's. At the end the question.",
        "A message: `{'role': 'user', 'content': question}`. The roles are `system`, `user` and `assistant`.",
    ),
    explanation=(
        "The server keeps nothing: every request carries the whole conversation. That is why long chats grow "
        "slow and dear, and why you can change what the assistant 'said'.\n\n"
        "On the other side, the chat template of the tokenizer turns this list into one text, and the model "
        "goes on with it, as with any other."
    ),
    mistakes=(
        Mistake(
            "what was said before is left out",
            _chat(messages=_without_history),
            "The server remembers nothing between two requests. Without the earlier turns, the model "
            "cannot know what *whom* or *it* refers to.",
        ),
        Mistake(
            "the assistant's answers are left out",
            _chat(messages=_without_answers),
            "The model has to see its own earlier answers: they are a part of the text that it goes on with.",
        ),
        Mistake(
            "the question stands first",
            _chat(messages=_question_first),
            "Messages are in the order of time, and the model goes on after the last one: that has to be "
            "the question.",
        ),
        Mistake(
            "only the last turn is there",
            _chat(messages=_last_turn_only),
            "The server remembers nothing: every turn belongs into the request. Is a list made anew inside "
            "the loop, or is `append` behind it?",
        ),
        Mistake(
            "the newest turn stands first",
            _chat(messages=_newest_first),
            "Messages are in the order of time, the oldest first, just as `turns` has them.",
        ),
        Mistake(
            "an empty system message is dropped",
            _chat(messages=_empty_system_dropped),
            '`if system` is false for the empty text `""` too. Only None says that there is no such message: '
            "`if system is not None`.",
        ),
        Mistake(
            "the system message does not stand first",
            _chat(messages=_system_last),
            "Instructions that hold for the whole conversation come before it.",
        ),
        Mistake(
            "asked and answered are exchanged",
            _chat(
                messages=lambda body, system, turns, question: [
                    *_chat_request("", system, [turn[::-1] for turn in turns], question)["messages"]
                ]
            ),
            "In each pair the first text is what the user asked, the second what the assistant answered.",
        ),
        Mistake(
            "the question is missing",
            _chat(messages=lambda body, *rest: body["messages"][:-1]),
            "The earlier turns alone give the model nothing to answer: the last message is what the user "
            "asks now.",
        ),
        Mistake(
            "the limit is always 64",
            _chat(max_tokens=lambda *rest: 64),
            "64 is only what holds if the caller says nothing. Pass on the number that was given.",
        ),
        Mistake(
            "a system message without content",
            _chat(messages=_always_system),
            "If `system` is None, there is no such message at all: `None` is no text.",
        ),
        *(
            Mistake(
                "other names for the roles",
                _chat(messages=_named(names)),
                "The protocol knows `system`, `user` and `assistant`; a template does not know what to do "
                "with other names.",
            )
            for names in ({"user": "human", "assistant": "bot"}, {"assistant": "bot"})
        ),
        Mistake(
            "the roles of the two are exchanged",
            _chat(messages=_roles_exchanged),
            "In each pair the first text is what the user asked, the second what the assistant answered: "
            "`user` first, then `assistant`.",
        ),
        Mistake(
            "texts are stripped",
            _stripped,
            "All texts go in as they are: a space or the end of a line at their ends can mean something.",
        ),
        Mistake(
            "turns with an empty text are left out",
            _chat(messages=_full_turns),
            "An empty text is a text: every turn goes in. A bare `if answered:` is false for it.",
        ),
        Mistake(
            "the turns that were given are changed",
            _question_among_turns,
            "The list belongs to the caller, and the next request would hold the question twice. Append to "
            "a list of your own.",
        ),
        Mistake(
            "the model is always the same",
            _chat(model=lambda *rest: "base"),
            "The request says which model it is for: pass on the name that was given.",
        ),
        Mistake(
            "the system message is the user's",
            _chat(messages=_named({"system": "user"})),
            "Instructions that hold for the whole conversation have a role of their own: `system`.",
        ),
        Mistake(
            "one text instead of a list of messages",
            _chat(messages=_one_text),
            "Joining the messages is the template's work, on the server, which knows how this model marks "
            "who speaks.",
        ),
        Mistake(
            "no limit on the answer",
            _no_limit,
            "Without `max_tokens` the server decides how long the model may write. Pass on the number that "
            "was given.",
        ),
    ),
)


# What a table and a picture show --------------------------------------------------------------------------


square_matrix = Exercise(
    name="square_matrix",
    topic="interop",
    title="Explain: a square matrix",
    kind="explain",
    difficulty="easy",
    minutes=3,
    reference="b",
    cases=(),
    hints=(
        "For the other three matrices, how does the table tell that they must be turned?",
        "Think of a matrix of two rows and two columns, 1 and 2 above 3 and 4. What is its shape when it is "
        "turned? And is it the same matrix?",
    ),
    explanation=(
        "A shape can show that something does *not* fit. That it does fit shows little: (48, 48) is the "
        "shape of the matrix turned and unturned. Here it must be turned, as we know from the kind of its "
        "layer, and a loader that turns whatever doesn't fit would leave out this one, in every layer, "
        "without a word."
    ),
    mistakes=(
        Mistake(
            "what has the right shape is taken for right",
            "a",
            "It would have this shape either way, so the shape says nothing for or against. Which kind of "
            "layer keeps its numbers there?",
        ),
        Mistake(
            "square is taken for symmetric",
            "c",
            "Square are all matrices with as many rows as columns. Symmetric are only those in which each "
            "number has its equal across the diagonal, and the numbers here are drawn at random.",
        ),
        Mistake(
            "only what is seen to be swapped is taken for swapped",
            "d",
            "In the other three one *sees* that the axes are swapped. In a square matrix it could be so and "
            "not be seen.",
        ),
    ),
)


billions_on_a_laptop = Exercise(
    name="billions_on_a_laptop",
    topic="interop",
    title="Explain: what fits on the laptop?",
    kind="explain",
    difficulty="easy",
    minutes=3,
    reference=8.0,
    atol=0.6,
    cases=(),
    hints=(
        "Find the line of bfloat16, and where it meets the dashed one of the laptop. Is that to the left or "
        "to the right of 7 B, and by much?",
        "Both axes have powers of ten, so a place between two marks can't be measured with a ruler. Compute "
        "it: how many bytes does one number take as bfloat16?",
    ),
    explanation=(
        "A number takes 2 bytes as bfloat16, so a billion of them take 2 GB, and 16 GB hold 8 billion; that "
        "is where the two lines cross, just to the right of 7 B. (And nothing else may want memory.) In "
        "float32 it would be half as many, with 4 bits four times as many: the three lines are parallel, a "
        "fixed factor apart."
    ),
    mistakes=(
        Mistake(
            "the line of float32",
            4.0,
            "There a number takes 4 bytes. In bfloat16 it takes fewer: look for the squares.",
        ),
        Mistake(
            "the line of int4",
            32.0,
            "There a number takes half a byte. In bfloat16 it takes more: look for the squares.",
        ),
        Mistake(
            "a byte for each number",
            16.0,
            "16 GB are 16 billion bytes, and a number of 16 bits takes more than one of them.",
        ),
        Mistake(
            "the largest mark that fits",
            7.0,
            "At 7 B the square lies still below the dashed line: a little more would fit. Go on along the "
            "line until it meets the dashed one.",
        ),
    ),
)


# Quiz -----------------------------------------------------------------------------------------------------

quiz = Quiz(
    topic="interop",
    questions=(
        Question(
            "You import a model and the shapes of all weights fit. What do you know?",
            (
                Option(
                    "That the import is right: a wrong tensor would have had another shape.",
                    "A square matrix that was not turned fits as well, and so do two norms that were "
                    "swapped.",
                ),
                Option(
                    "That the sizes are right; whether it computes the same, a comparison of logits says.",
                    "Shapes are the first check, and a weak one. Equal logits on some text are the strong "
                    "one.",
                    right=True,
                ),
                Option(
                    "That the names were matched rightly, since each weight has found its place.",
                    "Two norms that were swapped find places of the right shape, too. Shapes say nothing "
                    "about names.",
                ),
                Option(
                    "That it writes the same text, though its logits may be a little different.",
                    "With one matrix turned wrongly, the text is different at once.",
                ),
            ),
        ),
        Question(
            "Our logits and those of transformers differ by 0.000001. Why are they not equal?",
            (
                Option(
                    "Because floating-point sums depend on their order, and the orders differ.",
                    "Each sum is rounded. Differences of this size appear even between two computers.",
                    right=True,
                ),
                Option(
                    "Because the weights were rounded when they were written into the file.",
                    "They were saved as they are, in float32; a copy of them is equal to the last bit.",
                ),
                Option(
                    "Because one of the two still has its dropout switched on while it runs.",
                    "Then the difference would be a million times larger, and another one at each call.",
                ),
                Option(
                    "Because of a small mistake in the import, such as another kind of GELU in it.",
                    "Even that mistake makes a difference that is a thousand times larger than this one, "
                    "and others make much larger ones.",
                ),
            ),
        ),
        Question(
            "A stranger sends you a model as a file model.pt. What is the risk of torch.load with "
            "weights_only=False?",
            (
                Option(
                    "The weights might be wrong, so that the model says false things.",
                    "They might be so in any format; a model has to be measured before it is trusted.",
                ),
                Option(
                    "The file might be too large, so that it fills up the memory.",
                    "That is a nuisance, not an attack, and you see the size before.",
                ),
                Option(
                    "There is no risk as long as the model itself is not run.",
                    "The code runs while the file is being read, before there is any model.",
                ),
                Option(
                    "Reading it can run any program with your rights.",
                    "A pickle is a list of instructions, and one of them is: call this function. That is "
                    "why weights travel as safetensors, which can hold nothing but numbers and names.",
                    right=True,
                ),
            ),
        ),
        Question(
            "Why is there no GPT4LMHeadModel in transformers?",
            (
                Option(
                    "Because it is too large: no class can hold a model of that size.",
                    "Models with hundreds of billions of parameters are in it. A class is only a "
                    "description.",
                ),
                Option(
                    "Because transformers has only models that Hugging Face has trained.",
                    "Nearly all of its models come from elsewhere, OpenAI's GPT-2 and gpt-oss among them.",
                ),
                Option(
                    "Because neither its weights nor its architecture were ever published.",
                    "The technical report says expressly that it gives neither size nor architecture. "
                    "What can be reached is a service, over an API.",
                    right=True,
                ),
                Option(
                    "Because it is no language model in this sense, but a whole chat program.",
                    "It is one: the report describes it as a Transformer that was trained to predict the "
                    "next token.",
                ),
            ),
        ),
        Question(
            "A program talks to a model through an OpenAI-compatible API. What must change when the model "
            "behind it is replaced by one of your own?",
            (
                Option(
                    "The address, the key and the model's name; and what the answers are worth must be "
                    "measured again.",
                    "The form of requests and answers stays. That a program goes on running does not mean "
                    "that the new model is good enough.",
                    right=True,
                ),
                Option(
                    "The whole program, since each model has a protocol of its own, and a library that "
                    "speaks it.",
                    "That was so. Today most servers speak this one, because so many imitated it.",
                ),
                Option(
                    "The tokenizer inside the program, since the new model gives its tokens other numbers "
                    "than the old.",
                    "The program sends text. Tokens are made on the server, by the tokenizer in the folder.",
                ),
                Option(
                    "Nothing at all, since the form of requests and answers stays the same for every such "
                    "model.",
                    "At least the address: requests would still go to the old place, with your data.",
                ),
            ),
        ),
    ),
)
