"""The exercise on predicting several tokens at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from course_lib.exercises import Case, Draw, Exercise, Mistake
from course_lib.modern.exercises.shared import Tensor, drawn


def _several_ahead_loss(logits: list[Tensor], ids: Tensor) -> Tensor:
    """The sum of the heads' cross-entropies; head n is asked for the token n + 1 places further on."""
    total = logits[0].new_zeros(())
    for n, head in enumerate(logits):
        guesses, targets = head[:, : -(n + 1)], ids[:, n + 1 :]
        total = total + F.cross_entropy(guesses.flatten(0, 1), targets.flatten())
    return total


def _case(B: int, T: int, V: int, heads: int, seed: int) -> Case:
    ids = torch.randint(V, (B, T), generator=torch.Generator().manual_seed(seed))
    return Case([drawn(B, T, V, seed=seed + n) for n in range(heads)], ids)


def _cases() -> list[Case]:
    sizes = ((1, 4, 3, 1), (2, 5, 4, 2), (1, 6, 3, 3), (3, 7, 5, 4), (2, 3, 2, 2))
    return [_case(*size, seed=90 + 10 * i) for i, size in enumerate(sizes)]


def _fresh(draw: Draw) -> Case:
    B, heads, V = draw.integer(1, 3), draw.integer(1, 3), draw.integer(2, 5)
    T = heads + draw.integer(1, 4)
    return Case([draw.tensor(B, T, V, extremes=False) for _ in range(heads)], draw.ids(V, B, T))


def _mean_nats(head: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(head.flatten(0, 1), targets.flatten())


def _with(loss: Callable[[int, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda logits, ids: sum(loss(n, head, ids) for n, head in enumerate(logits))


def _rolled(n: int, head: Tensor, ids: Tensor) -> Tensor:
    return _mean_nats(head, ids.roll(-n - 1, dims=1))


def _all_together(logits: list[Tensor], ids: Tensor) -> Tensor:
    parts = [(head[:, : -n - 1].flatten(0, 1), ids[:, n + 1 :].flatten()) for n, head in enumerate(logits)]
    return F.cross_entropy(torch.cat([a for a, _ in parts]), torch.cat([b for _, b in parts])) * len(logits)


several_ahead_loss = Exercise(
    name="several_ahead_loss",
    topic="modern",
    title="Several tokens ahead",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=12,
    reference=_several_ahead_loss,
    cases=_cases,
    fresh=_fresh,
    draws=12,
    hints=(
        "With one head it is the usual loss: guesses at all places but the last, targets from the second "
        "token on. What changes for the next head?",
        "Head n has no target at the last n + 1 places: `head[:, : -(n + 1)]` goes with `ids[:, n + 1 :]`. "
        "`F.cross_entropy` wants (N, V) and (N,); add up the heads' means.",
    ),
    explanation=(
        "The further a head looks, the fewer places have a target for it: the last n + 1 are left out, and "
        "not filled up with tokens from elsewhere. Each head gives a mean of its own, and the sum "
        "is what the "
        "trunk is trained on; its gradient is where the heads meet."
    ),
    mistakes=(
        Mistake(
            "all heads are asked for the next token",
            _with(lambda n, head, ids: _mean_nats(head[:, :-1], ids[:, 1:])),
            "Then they all learn the same. Head n is asked for the token n + 1 places further on.",
        ),
        Mistake(
            "the first head is asked for the token that it sees",
            _with(lambda n, head, ids: _mean_nats(head[:, : head.shape[1] - n], ids[:, n:])),
            "Head 0 stands for the *next* token: the distance is n + 1.",
        ),
        Mistake(
            "the end is filled up with the beginning",
            _with(_rolled),
            "`roll` brings the first tokens behind the last. Leave out the places that have no target.",
        ),
        Mistake(
            "the mean of the heads, not their sum",
            lambda logits, ids: _several_ahead_loss(logits, ids) / len(logits),
            "The heads' losses are added up.",
        ),
        Mistake(
            "only the first head",
            lambda logits, ids: _several_ahead_loss(logits[:1], ids),
            "Every head counts.",
        ),
        Mistake(
            "the places of all heads are put into one mean",
            _all_together,
            "A head with fewer places then counts for less. Take each head's mean, and add these up.",
        ),
        Mistake(
            "it looks back instead of ahead",
            _with(lambda n, head, ids: _mean_nats(head[:, n + 1 :], ids[:, : -(n + 1)])),
            "The target of place t is token t + n + 1, not t - n - 1.",
        ),
        Mistake(
            "summed over the places",
            _with(
                lambda n, head, ids: F.cross_entropy(
                    head[:, : -(n + 1)].flatten(0, 1), ids[:, n + 1 :].flatten(), reduction="sum"
                )
            ),
            "Each head gives its *mean* over places, so that long texts don't count for more.",
        ),
    ),
)
