"""The exercise on one step of beam search."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake
from course_lib.generation.exercises.shared import INFINITY, Tensor, logits_of, random, turned


def _beam_step(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best continuations of all beams: scores (W,), log_probs (W, V) -> scores, parents, tokens."""
    totals = scores[:, None] + log_probs  # (W, V)
    best, places = totals.flatten().topk(width)
    V = log_probs.shape[1]
    return best, places // V, places % V


def _beam_cases() -> list[Case]:
    first = logits_of([0.6, 0.3, 0.1], [0.1, 0.1, 0.8])
    only_one = torch.tensor([0.0, -INFINITY, -INFINITY])
    two, far = torch.tensor([-9.0, -1.0]), torch.tensor([-210.0, -208.5, -209.0])
    return [
        Case(torch.tensor([0.5, 0.4]).log(), first, 2),
        Case(torch.zeros(1), random(1, 5, seed=50).log_softmax(-1), 3),
        Case(random(3, seed=51) - 4, turned(random(3, 7, seed=52).log_softmax(-1)), 5),
        Case(random(5, seed=53) - 2, (2 * random(5, 2, seed=54)).log_softmax(-1), 3),
        Case(only_one, random(3, 3, seed=55).log_softmax(-1), 3),
        Case(two, random(2, 5, seed=56).log_softmax(-1), 2),
        Case(two, random(2, 5, seed=57).log_softmax(-1), 2),
        Case(far, random(3, 4, seed=58).log_softmax(-1), 4),
        Case(torch.tensor([-5.0, -5.3]), torch.tensor([[-1e-3, -7.0], [-0.6, -0.8]]), 4),
        Case(torch.tensor([-1.0, -3.0]), torch.tensor([[-1e-4, -70.0], [-2e-4, -60.0]]), 4),
        Case(torch.tensor([-9e-4, -3e-4]), logits_of([0.7, 0.2, 0.1], [0.7, 0.2, 0.1]), 2),
        Case(torch.tensor([-4e-4]), torch.tensor([[-9e-4, -7.0]]), 1),
        Case(10 * random(70, seed=101) - 40, random(70, 3, seed=102).log_softmax(-1), 66),
        Case(random(2, seed=103) - 9, (4 * random(2, 80, seed=104)).log_softmax(-1), 70),
        Case(torch.zeros(1), -torch.arange(1100).flip(0)[None] / 8, 1050),
    ]


def _fresh_beam_step(draw: Draw) -> Case | None:
    W, V = draw.integer(1, 5), draw.integer(1, 8)
    log_probs = draw.logits(W, V, hidden=True).log_softmax(-1)
    log_probs = turned(log_probs) if draw.choose((False, False, True)) else log_probs
    scores = -draw.positive(W, low=0.1, high=draw.choose((10.0, 300.0)))
    scores = scores.masked_fill(~draw.mask(W), -INFINITY) if draw.choose((False, False, True)) else scores
    totals = (scores.double()[:, None] + log_probs.double()).flatten()
    width = draw.integer(1, int(totals.isfinite().sum()))
    best = totals.sort(descending=True).values
    apart = best[:width] - torch.cat([best[1 : width + 1], best.new_full((1,), -INFINITY)])[:width]
    return Case(scores, log_probs, width) if bool((apart > 1e-3).all()) else None


def _step(
    total: Callable[[Tensor, Tensor], Tensor] = lambda scores, log_probs: scores[:, None] + log_probs,
    by: Callable[[Tensor], int] = lambda log_probs: log_probs.shape[1],
    largest: bool = True,
    give: Callable[..., tuple] = lambda best, parents, tokens: (best, parents, tokens),
) -> Callable[..., tuple]:
    """A step with one part done in another way."""

    def wrong(scores: Tensor, log_probs: Tensor, width: int) -> tuple:
        best, places = total(scores, log_probs).flatten().topk(width, largest=largest)
        return give(best, places // by(log_probs), places % by(log_probs))

    return wrong


def _step_without_sum(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    _, parents, tokens = _beam_step(scores, log_probs, width)
    return log_probs[parents, tokens], parents, tokens


def _one_child_each(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    best, tokens = (scores[:, None] + log_probs).max(-1)
    best, parents = best.topk(min(width, len(scores)))
    return best, parents, tokens[parents]


def _one_child_each_in_place(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    best, tokens = (scores[:, None] + log_probs).max(-1)
    return best, torch.arange(len(scores)), tokens


def _children_of_the_best(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    parent = scores.argmax()
    best, tokens = (scores[parent] + log_probs[parent]).topk(min(width, log_probs.shape[1]))
    return best, parent.expand(len(tokens)), tokens


def _best_of_each(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    best, tokens = (scores[:, None] + log_probs).topk(min(width, log_probs.shape[1]))
    return best, torch.arange(len(scores))[:, None].expand_as(tokens), tokens


def _width_of_each(most: Callable[[int, int], int]) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    """An answer that keeps so many of each beam, by the width and the number of tokens."""

    def answer(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
        each, tokens = log_probs.topk(most(width, log_probs.shape[1]))
        parents = torch.arange(len(scores))[:, None].expand_as(tokens)
        return (scores[:, None] + each).flatten(), parents.flatten(), tokens.flatten()

    return answer


def _width_of_each_first(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    each, tokens = log_probs.topk(width)
    best, places = (scores[:, None] + each).flatten().topk(width)
    return best, places // width, tokens.flatten()[places]


beam_step = Exercise(
    name="beam_step",
    topic="generation",
    title="One step of beam search",
    kind="explore",
    mark="more",
    difficulty="hard",
    minutes=15,
    reference=_beam_step,
    differentiable=False,
    cases=_beam_cases,
    fresh=_fresh_beam_step,
    hints=(
        "W beams with V continuations each make W times V candidates. Probabilities of a text are "
        "multiplied, so their logarithms are added: what is each candidate's total, as a table (W, V)?",
        "`scores[:, None] + log_probs` is that table. Laid flat, with `.flatten()`, one `topk` finds the "
        "best of all, wherever they come from.",
        "In the flat table, row w begins at place w·V. So which row and which column is place 9, if V is 7? "
        "Whole-number division, and what is left over.",
    ),
    explanation=(
        "A candidate's score is the log-probability of its whole text: its beam's, plus its own token's. "
        "All W·V compete together. A good beam can have several children, a poor one none at all and then "
        "it is gone. Place i of the flat table is row i // V (the parent) and column i % V (the token).\n\n"
        "At the start there is one text only. Either begin with one beam, or give all but the first the "
        "score minus infinity: otherwise every beam brings the same children, and stays a copy of the first."
    ),
    mistakes=(
        *(
            Mistake(
                "each beam keeps `width` of its own",
                _width_of_each(most),
                "All continuations of all beams compete for `width` places in all. Flatten the sums first, "
                "then `topk(width)`.",
            )
            for most in (min, lambda width, V: width)
        ),
        Mistake(
            "a beam is asked for more tokens than there are",
            _width_of_each_first,
            "No beam can have more than V continuations: `log_probs.topk(min(width, V))`. Or leave the first "
            "round out, and flatten the sums.",
        ),
        Mistake(
            "the beams' own scores are left out",
            _step(total=lambda scores, log_probs: log_probs),
            "A likely token after an unlikely beginning is an unlikely text. Add each beam's score: "
            "`scores[:, None] + log_probs`.",
        ),
        Mistake(
            "the new scores are those of the last token alone",
            _step_without_sum,
            "The right ones are chosen. But a beam's score is that of its whole text: give back the totals.",
        ),
        Mistake(
            "log-probabilities are multiplied",
            _step(total=lambda scores, log_probs: scores[:, None] * log_probs),
            "Probabilities are multiplied; their logarithms are added.",
        ),
        Mistake(
            "logarithms are taken back and taken again",
            _step(total=lambda scores, log_probs: (scores.exp()[:, None] * log_probs.exp()).log()),
            "After some hundred tokens a probability is too small for float32 and becomes 0, and its "
            "logarithm minus infinity. Add the logarithms as they are.",
        ),
        Mistake(
            "the scores lie along the vocabulary",
            _step(total=lambda scores, log_probs: scores + log_probs),
            "(W,) + (W, V) puts a score under each *token* (or fails, if W isn't V). One score per beam is a "
            "column: `scores[:, None]`.",
        ),
        Mistake(
            "each beam keeps its best child",
            _one_child_each,
            "Then no beam ever dies, and none has two children: W greedy texts side by side. All W·V "
            "candidates compete together.",
        ),
        Mistake(
            "each beam keeps its best child, in its own place",
            _one_child_each_in_place,
            "Then no beam ever dies, and none has two children: W greedy texts side by side. All W·V "
            "candidates compete together, and the best comes first.",
        ),
        Mistake(
            "only the best beam has children",
            _children_of_the_best,
            "The second beam may have the better continuation: that is what it is kept for. All W·V "
            "candidates compete together.",
        ),
        Mistake(
            "the best of each beam, not of all",
            _best_of_each,
            "That makes W times `width` beams. Lay the table flat before `topk`: `.flatten()`.",
        ),
        Mistake(
            "divided by the number of beams, not of tokens",
            _step(by=len),
            "A row of the table has V entries, so row w begins at place w·V: divide by `log_probs.shape[1]`.",
        ),
        Mistake(
            "parents and tokens are exchanged",
            _step(give=lambda best, parents, tokens: (best, tokens, parents)),
            "The order is scores, parents, tokens. The parent is `// V`, the token `% V`.",
        ),
        Mistake(
            "places in the flat table instead of tokens",
            lambda scores, log_probs, width: _step(
                give=lambda best, parents, tokens: (best, parents, parents * log_probs.shape[1] + tokens)
            )(scores, log_probs, width),
            "The token is what is left over when a place is divided by V: `% V`.",
        ),
        Mistake(
            "the worst are kept",
            _step(largest=False),
            "Log-probabilities are negative, and the best is the one nearest to 0: the largest.",
        ),
        Mistake(
            "the best comes last",
            _step(give=lambda *all_: tuple(part.flip(0) for part in all_)),
            "Best first: `topk` already gives them in that order.",
        ),
        Mistake(
            "as many as there are beams, not `width`",
            lambda scores, log_probs, width: _beam_step(scores, log_probs, len(scores)),
            "How many go on says `width`: at the start there is one beam, and `width` of its children are "
            "wanted.",
        ),
        Mistake(
            "the scores are probabilities",
            _step(give=lambda best, parents, tokens: (best.exp(), parents, tokens)),
            "Leave the logarithms: after a hundred tokens, a probability is too small for float32.",
        ),
    ),
)
