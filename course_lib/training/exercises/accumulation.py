"""One large batch in small parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.exercises import Case, Exercise, Mistake, Property
from course_lib.training.exercises.shared import Made, Tensor, nothing, small_model, some_ids, table_model


def _accumulate(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    """Leave the gradient of one large batch in `.grad`, made from small ones; gives the mean loss."""
    targets = sum(int((y != -100).sum()) for _, y in batches)
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="sum") / targets
        loss.backward()
        total += loss.item()
    return total


def _with_gaps(V: int, B: int, T: int, seed: int, hidden: int) -> tuple[Tensor, Tensor]:
    """A batch (x, y) whose first texts have their last `hidden` targets ignored."""
    x, y = some_ids(V, 2, B, T, seed=seed)
    y = y.clone()
    y[: B - 1, T - hidden :] = -100
    return x, y


def _accumulate_cases() -> list[Case]:
    table, small = Made("model", table_model, (2,)), Made("model", small_model, (7, 3, 100))
    first = (torch.tensor([[0, 1, 1]]), torch.tensor([[1, 1, 0]]))
    second = (torch.tensor([[1, 0]]), torch.tensor([[0, -100]]))
    other = Made("model", small_model, (5, 2, 110))
    sizes = ((2, 3, 1), (1, 5, 0), (3, 2, 1))
    return [
        Case(table, [first, second]),
        Case(small, [_with_gaps(7, B, T, 101 + B, hidden) for B, T, hidden in sizes]),
        Case(other, [_with_gaps(5, 2, 7, 111, 6), _with_gaps(5, 3, 2, 112, 0)]),
    ]


def _gradients_of(model: nn.Module) -> list[Tensor]:
    """The gradients in a model, zeros where there are none."""
    return [torch.zeros_like(w) if w.grad is None else w.grad.clone() for w in model.parameters()]


def _accumulated(
    answer: Callable[..., float], model: Made, batches: list[tuple[Tensor, Tensor]]
) -> dict[str, Any] | None:
    learner = model()
    loss = answer(learner, batches)
    if loss is None or loss is ...:
        return None
    return {"mean loss": loss, "gradients": _gradients_of(learner)}


def _mean_is_a_float(answer: Callable[..., float]) -> bool:
    return not isinstance(answer(small_model(5, 2, 120), [_with_gaps(5, 2, 3, 121, 1)]), Tensor)


def _parts(
    loss: Callable[..., Tensor],
    give: Callable[[list[Tensor], list[Tensor]], Any] = lambda losses, targets: sum(losses).item(),
    before: Callable[[nn.Module], None] = nothing,
    backward: Callable[[Tensor], None] = lambda loss: loss.backward(),
) -> Callable[..., Any]:
    """Batch after batch, with the part `loss(logits, y, all targets)` of each."""

    def wrong(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> Any:
        targets, losses = [y for _, y in batches], []
        for x, y in batches:
            before(model)
            losses.append(loss(model(x).flatten(0, 1), y.flatten(), targets))
            backward(losses[-1])
        return give([part.detach() for part in losses], targets)

    return wrong


def _counted(targets: list[Tensor]) -> int:
    return sum(int((y != -100).sum()) for y in targets)


def _share(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum") / _counted(targets)


def _own_mean(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y)


def _own_sum(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum")


def _mean_by_batches(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y) / len(targets)


def _mean_by_texts(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum") / sum(map(len, targets))


def _mean_with_ignored(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum") / sum(part.numel() for part in targets)


def _weighed_with_ignored(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y) * y.numel() / sum(part.numel() for part in targets)


def _ignored_as_token_0(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return _mean_with_ignored(logits, y.clamp(min=0), targets)


accumulate = Exercise(
    name="accumulate",
    topic="training",
    title="A large batch in small parts",
    kind="explore",
    difficulty="medium",
    minutes=12,
    reference=_accumulate,
    cases=_accumulate_cases,
    use=_accumulated,
    properties=(
        Property(
            "float", _mean_is_a_float, "the loss is given as a plain number, without the graph behind it"
        ),
    ),
    hints=(
        "`backward` adds to the gradients that are there. So call it once for each batch, and make sure that "
        "the parts you add are parts of one mean. By what must each batch's sum of losses be divided?",
        "By the number of targets in *all* batches: count them first, `(y != -100).sum()` for each batch. "
        "The batches don't all have as many.",
        '`F.cross_entropy(..., reduction="sum") / targets` is a batch\'s part. Backward on each part, and '
        "add up the `.item()` of each.",
    ),
    explanation=(
        "The mean loss of everything is one sum divided by one number. The sum can be split up among the "
        "batches, and so can its gradient, since `backward` adds. The number must be known before the first "
        "part.\n\n"
        "The mean of the batches' means is something else unless all have equally many targets: it gives a "
        "target in a small batch more weight. Hugging Face's Trainer had this fault until late 2024."
    ),
    mistakes=(
        Mistake(
            "the mean of the batches' means",
            _parts(_mean_by_batches),
            "A batch with few targets then counts as much as one with many. Divide each batch's *sum* by the "
            "number of all targets.",
        ),
        Mistake(
            "the batches' means are added up",
            _parts(_own_mean),
            "Each batch's mean is a whole mean already; their sum grows with the number of batches. Divide "
            "each batch's sum by the number of all targets.",
        ),
        Mistake(
            "nothing is divided",
            _parts(_own_sum),
            "That is the sum over all targets. Divide by how many there are.",
        ),
        Mistake(
            "the loss is divided, the gradients are not",
            _parts(_own_sum, lambda losses, targets: sum(losses).item() / _counted(targets)),
            "Dividing the number that you return doesn't touch what `backward` has added. Divide each part "
            "*before* `backward`.",
        ),
        Mistake(
            "the ignored targets are counted",
            _parts(_mean_with_ignored),
            "A target of -100 costs nothing, and must not make the mean smaller: count `(y != -100).sum()`.",
        ),
        Mistake(
            "the ignored targets are counted in the batches' weights",
            _parts(_weighed_with_ignored),
            "Each mean is right, but its weight should be the number of targets that count: "
            "`(y != -100).sum()`, not `y.numel()`.",
        ),
        Mistake(
            "the ignored targets are taken for token 0",
            _parts(_ignored_as_token_0),
            "-100 means that no guess is asked for there. `F.cross_entropy` leaves such targets out by "
            "itself.",
        ),
        Mistake(
            "divided by the number of texts",
            _parts(_mean_by_texts),
            "The mean is over targets, and a text has many. Count `(y != -100).sum()`.",
        ),
        Mistake(
            "only the last batch's gradients are left",
            _parts(_share, before=lambda model: model.zero_grad()),
            "Each batch's part needs its `backward`, and nothing may be zeroed in between: the gradients "
            "should add up.",
        ),
        Mistake(
            "backward is never called",
            _parts(_share, backward=nothing),
            "The loss is right, but no gradients were left: call `backward` on each part.",
        ),
        Mistake(
            "it gives the last batch's part of the loss",
            _parts(_share, lambda losses, targets: losses[-1].item()),
            "The gradients are right. Add up the parts' losses, and return their sum.",
        ),
        Mistake(
            "the loss is given as a tensor",
            _parts(_share, lambda losses, targets: sum(losses)),
            "Add up `loss.item()`, so that a plain number comes out and no graph is kept alive.",
        ),
    ),
)
