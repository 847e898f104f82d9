"""Exercises on LoRA: a layer with a side path, the two made one, and how much is learned."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake

Tensor = torch.Tensor


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _lora_forward(x: Tensor, weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """W x + (alpha / rank) B A x, for x (..., in), W (out, in), A (rank, in), B (out, rank)."""
    scale = alpha / a.shape[0]
    return x @ weight.T + scale * (x @ a.T) @ b.T


def _lora_cases() -> list[Case]:
    toy = torch.tensor([[1.0, 2.0]])
    cases = [Case(toy, torch.eye(2), torch.tensor([[1.0, 1.0]]), torch.tensor([[0.5], [2.0]]), 1.0)]
    sizes = (
        ((2, 3), 5, 7, 2, 8.0),
        ((3,), 7, 5, 3, 3.0),
        ((2,), 3, 3, 2, 5.0),
        ((), 4, 2, 3, 1.5),
        ((3,), 2, 4, 5, 2.5),
    )
    for seed, (outer, inside, out, rank, alpha) in enumerate((*sizes, ((2, 1, 2), 3, 4, 1, 2))):
        cases.append(Case(*_parts(outer, inside, out, rank, seed), alpha))
    small, large = torch.tensor([[5e-4, -7e-4]]), torch.tensor([[200.0, -300.0]])
    return [
        *cases,
        Case(*cases[1].args[:-1], 0.5),
        *(Case(*cases[1].args[:-1], alpha) for alpha in (0.0, 0, 100)),
        Case(small, large, torch.tensor([[90.0, 70.0]]), torch.tensor([[80.0]]), 2.0),
        Case(large, small, small, torch.tensor([[6e-4]]), 4000.0),
        Case(large, large, large, torch.tensor([[80.0]]), 9e-4),
        Case(*_parts((66,), 65, 67, 65, seed=9), 16.0),
        Case(*_parts((3,), 2, 5, 520, seed=5), 40.0),
    ]


def _parts(outer: tuple[int, ...], inside: int, out: int, rank: int, seed: int) -> list[Tensor]:
    """x, W, A and B."""
    shapes = ((*outer, inside), (out, inside), (rank, inside), (out, rank))
    return [_random(*shape, seed=seed + 10 * i) for i, shape in enumerate(shapes)]


def _fresh_lora(draw: Draw) -> Case:
    outer = tuple(draw.integer(1, 3) for _ in range(draw.integer(0, 3)))
    inside, out, rank = draw.integer(1, 6), draw.integer(1, 6), draw.integer(1, 5)
    x, weight = draw.tensor(*outer, inside), draw.tensor(out, inside)
    a, b = draw.tensor(rank, inside, extremes=False), draw.tensor(out, rank, extremes=False)
    return Case(x, weight, a, b, draw.choose((1.0, 8.0, 0.5, 3, 1.5, 16.0, 0.0, draw.real(0.1, 9.0))))


def _fresh_merge(draw: Draw) -> Case:
    return Case(*_fresh_lora(draw).args[1:])


def _use_frozen(answer: Callable, x: Tensor, weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """What an answer gives with a W that is frozen: whether it could learn makes no difference."""
    return answer(x, weight.detach(), a, b, alpha)


def _lora(scale: Callable[[Tensor, float], float], base: float = 1.0) -> Callable:
    return lambda x, weight, a, b, alpha: base * x @ weight.T + scale(a, alpha) * (x @ a.T) @ b.T


lora_forward = Exercise(
    name="lora_forward",
    topic="finetuning",
    title="A layer with a side path",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_lora_forward,
    cases=_lora_cases,
    fresh=_fresh_lora,
    use=_use_frozen,
    hints=(
        "Two paths from x, and their sum. The first is the layer as it was: `x @ weight.T`.",
        "The second goes through the narrow place: first down to `rank` numbers, `x @ a.T`, then up again "
        "with `b`.",
        "The second is multiplied by `alpha / rank`; the rank is `a.shape[0]`.",
    ),
    explanation=(
        "`(x @ a.T) @ b.T` makes two small products. `x @ (b @ a).T` gives the same numbers, but builds a "
        "matrix as large as W on the way, at every step.\n\n"
        "The factor alpha / rank is there so that the rank can be changed without finding a new learning "
        "rate: a wider path would otherwise have a larger sum."
    ),
    mistakes=(
        Mistake(
            "the factor is missing",
            _lora(lambda a, alpha: 1.0),
            "The side path is multiplied by alpha / rank.",
        ),
        Mistake(
            "alpha is not divided by the rank",
            _lora(lambda a, alpha: alpha),
            "The factor is alpha / rank, with the rank from the shape of A: `a.shape[0]`.",
        ),
        Mistake(
            "alpha is divided by the width",
            _lora(lambda a, alpha: alpha / a.shape[1]),
            "`a.shape` is (rank, in). The rank is its first number.",
        ),
        Mistake(
            "the old layer is left out",
            _lora(lambda a, alpha: alpha / a.shape[0], base=0.0),
            "The side path is *added* to what the layer computed before: `x @ weight.T + ...`.",
        ),
        Mistake(
            "the side path is left out",
            _lora(lambda a, alpha: 0.0),
            "That is the layer as it was. What A and B have learned is added: `+ alpha / rank * ...`.",
        ),
        Mistake(
            "the side path is subtracted",
            _lora(lambda a, alpha: -alpha / a.shape[0]),
            "The two paths are added up.",
        ),
        Mistake(
            "the factor is a whole number",
            _lora(lambda a, alpha: alpha // a.shape[0]),
            "`//` rounds down, and for alpha 1 and rank 2 nothing is left. Divide with `/`.",
        ),
        Mistake(
            "the factor is on both paths",
            lambda x, weight, a, b, alpha: alpha / a.shape[0] * (x @ weight.T + (x @ a.T) @ b.T),
            "Only the side path is scaled. The old layer must stay exactly what it was.",
        ),
        *(
            Mistake(
                "A and B are not turned",
                answer,
                "A is (rank, in) and B is (out, rank), as `nn.Linear` keeps its matrix. For tokens in rows "
                "both are turned, and A comes first: `(x @ a.T) @ b.T`.",
            )
            for answer in (
                lambda x, weight, a, b, alpha: x @ weight.T + alpha / a.shape[0] * (x @ a) @ b,
                lambda x, weight, a, b, alpha: x @ weight.T + alpha / a.shape[0] * (x @ b) @ a,
            )
        ),
        Mistake(
            "W is not turned",
            lambda x, weight, a, b, alpha: x @ weight + alpha / a.shape[0] * (x @ a.T) @ b.T,
            "W is (out, in), as `nn.Linear` keeps it. For tokens in rows, W x is `x @ weight.T`.",
        ),
        Mistake(
            "the old layer is turned by the side path as well",
            lambda x, weight, a, b, alpha: x @ weight.T * (1 + alpha / a.shape[0] * (x @ a.T) @ b.T),
            "The paths are added, not multiplied.",
        ),
    ),
)


def _merge(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """One matrix that does what both paths do: W + (alpha / rank) B A."""
    return weight + alpha / a.shape[0] * b @ a


def _merge_cases() -> list[Case]:
    return [Case(*case.args[1:]) for case in _lora_cases()]


def _in_place(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    weight += alpha / a.shape[0] * b @ a
    return weight


merge = Exercise(
    name="merge",
    topic="finetuning",
    title="Two paths become one matrix",
    kind="explore",
    difficulty="easy",
    minutes=6,
    reference=_merge,
    differentiable=False,
    cases=_merge_cases,
    fresh=_fresh_merge,
    hints=(
        "Going through A and then through B is one linear step. Which matrix does it?",
        "`B A`, in this order: `b @ a` has the shape of W. `a @ b` would be (rank, rank).",
        "Don't forget the factor of the side path: alpha / rank.",
    ),
    explanation=(
        "W x + s B A x = (W + s B A) x. After the merge nothing is left of LoRA: the model is as large "
        "and as "
        "fast as before. Before it, the base can be kept once, with a small file for each task."
    ),
    mistakes=(
        Mistake(
            "the factor is missing",
            lambda weight, a, b, alpha: weight + b @ a,
            "Merged, the layer must compute the same as with two paths: `alpha / a.shape[0]` belongs to B A.",
        ),
        Mistake(
            "only the change is given back",
            lambda weight, a, b, alpha: alpha / a.shape[0] * b @ a,
            "That is what is added. The new matrix is W and this together.",
        ),
        Mistake(
            "the change is subtracted",
            lambda weight, a, b, alpha: weight - alpha / a.shape[0] * b @ a,
            "A minus sign takes the side path out again (which is useful too, but later).",
        ),
        Mistake(
            "alpha is not divided by the rank",
            lambda weight, a, b, alpha: weight + alpha * b @ a,
            "The factor is alpha / rank; the rank is `a.shape[0]`.",
        ),
        Mistake(
            "the factor is a whole number",
            lambda weight, a, b, alpha: weight + alpha // a.shape[0] * b @ a,
            "`//` rounds down, and for alpha 1 and rank 2 nothing is left. Divide with `/`.",
        ),
        Mistake(
            "the factor is on W too",
            lambda weight, a, b, alpha: alpha / a.shape[0] * (weight + b @ a),
            "Only the side path is scaled. W must stay what it was.",
        ),
        Mistake(
            "the matrix comes back turned",
            lambda weight, a, b, alpha: _merge(weight, a, b, alpha).T,
            "The new matrix takes the place of W, so it has the same shape, (out, in).",
        ),
        *(
            Mistake(
                "A and B are multiplied the wrong way round",
                answer,
                "What comes first stands on the right: x goes through A, then through B, so it is `b @ a`, "
                "of the shape of W. `a @ b` is (rank, rank), or doesn't fit at all.",
            )
            for answer in (
                lambda weight, a, b, alpha: weight + alpha / a.shape[0] * (a @ b),
                lambda weight, a, b, alpha: weight + alpha / a.shape[0] * (a @ b).T,
            )
        ),
        Mistake(
            "the change is turned over",
            lambda weight, a, b, alpha: weight + alpha / a.shape[0] * (b @ a).T,
            "`b @ a` is (out, in) already, the shape of W. Turned, it is (in, out), and doesn't fit unless "
            "the two are equal.",
        ),
        Mistake(
            "alpha is divided by the width",
            lambda weight, a, b, alpha: weight + alpha / a.shape[1] * b @ a,
            "`a.shape` is (rank, in). The rank is its first number.",
        ),
        Mistake(
            "W is changed in place",
            _in_place,
            "`weight += ...` changes the matrix that was handed in, and a second merge would add again. "
            "Give a "
            "new one: `weight + ...`.",
        ),
    ),
)


def _lora_count(shapes: list[tuple[int, int]], rank: int) -> int:
    """How many numbers LoRA learns for linear layers of these shapes (out, in)."""
    return sum(rank * inside + out * rank for out, inside in shapes)


_SHAPES = [(384, 128), (128, 128), (344, 128), (344, 128), (128, 344)]


def _fresh_lora_count(draw: Draw) -> Case:
    shapes = draw.list(lambda: (draw.integer(0, 400), draw.integer(0, 400)), 0, 12)
    return Case(shapes, draw.integer(0, 80))


lora_count = Exercise(
    name="lora_count",
    topic="finetuning",
    title="How much is learned?",
    kind="explore",
    mark="more",
    difficulty="easy",
    minutes=5,
    reference=_lora_count,
    cases=(
        Case([(3, 5)], 2),
        Case([(7, 2), (2, 3)], 1),
        Case(_SHAPES, 8),
        Case([(5, 7), (7, 5), (5, 5)], 3),
        Case([], 4),
        Case([(3, 5), (3, 5), (5, 3)], 2),
        Case([(3, 5), (3, 5), (5, 3)], 0),
        Case([(3, 5)], 70),
        Case([(3, 50_000), (150_000, 3)], 1050),
        Case([(0, 5), (4, 0)], 3),
        Case([(size % 7 + 1, size % 5 + 2) for size in range(1100)], 4),
    ),
    fresh=_fresh_lora_count,
    hints=(
        "Each layer gets two matrices: A of shape (rank, in) and B of shape (out, rank).",
        "So it's `rank * in` numbers and `out * rank` more, for each layer.",
        "Add them up over all layers: `sum(... for out, inside in shapes)`.",
    ),
    explanation=(
        "The count grows with out + in, where the matrix itself has out × in. The wider the model, the more "
        "is saved: for a square matrix of width C the share is 2·rank / C."
    ),
    mistakes=(
        Mistake(
            "all numbers of the layers are counted",
            lambda shapes, rank: sum(out * inside for out, inside in shapes),
            "W is frozen. Only A and B learn.",
        ),
        Mistake(
            "W is counted too",
            lambda shapes, rank: sum(out * inside + rank * (out + inside) for out, inside in shapes),
            "W is there, but it doesn't learn. Count A and B only.",
        ),
        Mistake(
            "the rank is forgotten",
            lambda shapes, rank: sum(out + inside for out, inside in shapes),
            "A is (rank, in) and B is (out, rank): `rank * inside + out * rank` for each layer.",
        ),
        Mistake(
            "B is forgotten",
            lambda shapes, rank: sum(rank * inside for _, inside in shapes),
            "After A comes B, with out × rank numbers.",
        ),
        Mistake(
            "A is forgotten",
            lambda shapes, rank: sum(rank * out for out, _ in shapes),
            "Before B comes A, with rank × in numbers.",
        ),
        Mistake(
            "the rank is squared",
            lambda shapes, rank: rank * rank * sum(map(sum, shapes)),
            "A has rank × in numbers and B has out × rank: each has the rank once.",
        ),
        Mistake(
            "biases are counted",
            lambda shapes, rank: sum(rank * (out + inside) + out for out, inside in shapes),
            "The side path has two matrices, A and B, and no bias.",
        ),
        Mistake(
            "out and in are multiplied",
            lambda shapes, rank: sum(rank * out * inside for out, inside in shapes),
            "A has rank × in numbers and B has out × rank: add these two products.",
        ),
        Mistake(
            "only one layer is counted",
            lambda shapes, rank: rank * sum(shapes[0]) if shapes else 0,
            "Every layer in the list gets an A and a B.",
        ),
    ),
)
