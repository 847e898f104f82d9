"""One large batch in small parts."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.exercises import Case, Draw, Exercise, Mistake, Property
from course_lib.training.exercises.shared import (
    Made,
    Tensor,
    in_training,
    nothing,
    small_model,
    some_ids,
    table_model,
)


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
        Case(other, [_with_gaps(5, 2, 3, 113, 1), _all_ignored(5, 2, 3, 114), _with_gaps(5, 2, 2, 115, 0)]),
        Case(small, [_turned(*_with_gaps(7, 3, 4, 116, 2))]),
        Case(table, [(torch.tensor([[i % 2]]), torch.tensor([[i % 3 // 2]])) for i in range(260)]),
        Case(Made("model", small_model, (1, 2, 120)), [_with_gaps(1, 2, 3, 121, 1)]),  # a loss of 0
        *(_accumulate_of_size(*sizes) for sizes in ((1100, 2, 5), (2, 1100, 5), (2, 3, 1100))),
    ]


def _all_ignored(V: int, B: int, T: int, seed: int) -> tuple[Tensor, Tensor]:
    return some_ids(V, B, T, seed=seed), torch.full((B, T), -100)


def _turned(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The same batch with its axes turned in memory."""
    return x.T.contiguous().T, y.T.contiguous().T


def _accumulate_of_size(B: int, T: int, V: int) -> Case:
    batches = [_with_gaps(V, B, T, 117, 1), _with_gaps(V, 2, 2, 118, 1)]
    return Case(Made("model", small_model, (V, 2, 119)), batches)


def _accumulate_fresh(draw: Draw) -> Case | None:
    V = draw.integer(2, 7)
    batches = draw.list(lambda: _drawn_batch(draw, V), 1, 4)
    if not _counted([y for _, y in batches]):
        return None  # the mean of nothing
    return Case(Made("model", small_model, (V, draw.integer(1, 4), draw.integer(0, 50))), batches)


def _drawn_batch(draw: Draw, V: int) -> tuple[Tensor, Tensor]:
    shape = draw.integer(1, 3), draw.integer(1, 4)
    x, y, counts = draw.ids(V, *shape), draw.ids(V, *shape), draw.mask(*shape, all_hidden=True)
    return x, torch.where(counts, y, -100)


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
    before, weights = list(model().parameters()), list(learner.parameters())
    moved = any(not torch.equal(one, other) for one, other in zip(before, weights, strict=True))
    after = {"weights moved": moved, "in training afterwards": in_training(learner)}
    return {"mean loss": loss, "gradients": _gradients_of(learner), **after}


class _Kept:
    """Stands in a graph for as long as the graph is kept."""

    used = False  # by `backward`


class _Watch(torch.autograd.Function):
    """Changes nothing, and holds on to a `_Kept`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kept: _Kept) -> Tensor:
        ctx.kept = kept
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        ctx.kept.used = True
        return gradient, None


class _Watched(nn.Module):
    """A model that notices when it is asked for a batch while the graph of another still waits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.graphs, self.several = model, [], False

    def forward(self, ids: Tensor) -> Tensor:
        batch, out = ids.untyped_storage().data_ptr(), self.model(ids)
        if not out.requires_grad:
            return out
        waiting = [other for ref, other in self.graphs if (kept := ref()) is not None and not kept.used]
        self.several = self.several or any(other != batch for other in waiting)
        kept = _Kept()
        self.graphs.append((weakref.ref(kept), batch))
        return _Watch.apply(out, kept)


def _one_graph_at_a_time(answer: Callable[..., float]) -> bool:
    watched = _Watched(small_model(5, 2, 122))
    answer(watched, [_with_gaps(5, 2, T, 123 + T, 1) for T in (3, 4, 2)])
    return not watched.several


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


def _weighed(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y) * (y != -100).sum() / _counted(targets)


def _weighed_by_texts(logits: Tensor, y: Tensor, texts: list[Tensor]) -> Tensor:
    own = next(len(part) for part in texts if part.numel() == y.numel() and torch.equal(part.flatten(), y))
    return F.cross_entropy(logits, y) * own / sum(map(len, texts))


def _at_once(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    sums = [F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="sum") for x, y in batches]
    loss = sum(sums) / _counted([y for _, y in batches])
    loss.backward()
    return loss.item()


def _also_steps(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    loss = _accumulate(model, batches)
    with torch.no_grad():
        for weight in model.parameters():
            weight -= 0.1 * weight.grad
    return loss


_LEFT_OUT = (
    "-100 means that no guess is asked for there. `F.cross_entropy` leaves such targets out by itself."
)


accumulate = Exercise(
    name="accumulate",
    topic="training",
    title="A large batch in small parts",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=12,
    reference=_accumulate,
    cases=_accumulate_cases,
    fresh=_accumulate_fresh,
    draws=16,
    use=_accumulated,
    properties=(
        Property(
            "float", _mean_is_a_float, "the loss is given as a plain number, without the graph behind it"
        ),
        Property(
            "memory",
            _one_graph_at_a_time,
            "`backward` comes after each batch, so that no two of them need memory at the same time",
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
        *(
            Mistake(
                "the loss is divided, the gradients are not",
                _parts(loss, give),
                "Dividing the number that you return doesn't touch what `backward` has added. Divide each "
                "part *before* `backward`: its sum of losses by the number of all targets.",
            )
            for loss, give in (
                (_own_sum, lambda losses, targets: sum(losses).item() / _counted(targets)),
                (_own_mean, lambda losses, targets: sum(losses).item() / len(losses)),
            )
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
        Mistake("the ignored targets are taken for token 0", _parts(_ignored_as_token_0), _LEFT_OUT),
        Mistake(
            "the ignored targets are taken for token 0",
            _parts(lambda logits, y, targets: _share(logits, y.clamp(min=0), targets)),
            _LEFT_OUT,
        ),
        Mistake(
            "the batches' means are weighed by the numbers of their texts",
            _parts(_weighed_by_texts),
            "A long text has more targets than a short one. Weigh each mean by how many targets count in it, "
            "or better, sum the losses and divide by the number of all targets.",
        ),
        Mistake(
            "divided by the number of texts",
            _parts(_mean_by_texts),
            "The mean is over targets, and a text has many. Count `(y != -100).sum()`.",
        ),
        Mistake(
            "one `backward` for all batches",
            _at_once,
            "The numbers are right, but the computation of every batch is kept until the end: as much memory "
            "as one large batch needs. Call `backward` on each part at once, and it is let go.",
        ),
        Mistake(
            "a batch without targets gives `nan`",
            _parts(_weighed),
            "The mean of no loss at all is 0 / 0, and `nan` times 0 is `nan` still. Take the *sum* of a "
            'batch\'s losses (`reduction="sum"`), which is 0 then.',
        ),
        Mistake(
            "the weights are moved already",
            _also_steps,
            "Only the gradients are asked for. The step comes after them, by the optimizer.",
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
