"""Exercises on logits that are made larger or smaller: the temperature, the penalty for repetition."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from course_lib.exercises import Case, Draw, Exercise, Mistake
from course_lib.generation.exercises.shared import INFINITY, Tensor, drawn_logits, random, turned

# Temperature ----------------------------------------------------------------------------------------------


def _temperature(logits: Tensor, value: float) -> Tensor:
    """Sharper below 1, flatter above 1: logits (B, V) -> (B, V)."""
    return logits / value


def _temperature_cases() -> list[Case]:
    same = random(2, 3, seed=3)
    return [
        Case(torch.tensor([[1.0, 3.0]]), 0.5),
        Case(random(2, 5, seed=1), 2.0),
        Case(turned(3 * random(3, 7, seed=2)), 0.7),
        Case(torch.tensor([[2.0, -INFINITY, -1.0]]), 0.25),
        Case(same, 1.0),
        Case(same, 1.5),
        Case(torch.tensor([[5e-4, -2e-4, 70.0, -80.0]]), 5e-4),
        Case(random(2, 300, seed=4), 3),
        Case(50 * random(1, 4, seed=5), 100),
    ]


def _fresh_temperature(draw: Draw) -> Case:
    value = draw.choose((2.0, 0.5, 1.0, 0.1, 10.0, 2, 0.01, draw.real(0.05, 3.0), draw.real(0.05, 3.0)))
    return Case(drawn_logits(draw, draw.integer(1, 4), draw.integer(1, 9)), value)


def _divided_in_place(logits: Tensor, value: float) -> Tensor:
    logits /= value
    return logits


temperature = Exercise(
    name="temperature",
    topic="generation",
    title="Temperature",
    difficulty="easy",
    minutes=5,
    reference=_temperature,
    differentiable=False,
    cases=_temperature_cases,
    fresh=_fresh_temperature,
    hints=(
        "What counts in a softmax are the differences between logits. A low temperature must make them "
        "larger.",
        "At half the temperature, differences are twice as large. Which operation does that?",
    ),
    explanation=(
        "A difference of 2 between two logits is a ratio of e² between their probabilities. Divided by a "
        "temperature of 0.5 it is 4, and the ratio e⁴: the likely tokens gain. Divided by 2 it is 1, and the "
        "ratio e: the unlikely ones gain. The order of the tokens stays, and none is ruled out.\n\n"
        "What comes back are logits still, so that top-k, top-p and the draw can follow."
    ),
    mistakes=(
        Mistake(
            "multiplied instead of divided",
            lambda logits, value: logits * value,
            "Then a temperature below 1 flattens and one above 1 sharpens: the wrong way round. Divide.",
        ),
        Mistake(
            "it gives probabilities",
            lambda logits, value: (logits / value).softmax(-1),
            "The division is right. Stop there: what follows (top-k, top-p, the draw) expects logits and "
            "takes the softmax itself.",
        ),
        Mistake(
            "the probabilities are divided",
            lambda logits, value: logits.softmax(-1) / value,
            "All probabilities get the same factor, so none gains on another, and they don't sum to 1 any "
            "more. Divide the logits.",
        ),
        Mistake(
            "log-probabilities instead of logits",
            lambda logits, value: (logits / value).log_softmax(-1),
            "They give the same probabilities, so nothing would break. But at a temperature of 1, the logits "
            "must come back as they were: the softmax is left to whoever draws.",
        ),
        Mistake(
            "the logits are made log-probabilities first",
            lambda logits, value: logits.log_softmax(-1) / value,
            "They give the same probabilities, so nothing would break. But at a temperature of 1, the logits "
            "must come back as they were. There is no need for a softmax first.",
        ),
        Mistake(
            "the power is taken of the probabilities",
            lambda logits, value: logits.softmax(-1) ** (1 / value),
            "p^(1/T) is what a temperature does to a probability, before all are made to sum to 1. To a "
            "logit, which is a logarithm, it does something simpler: a division.",
        ),
        Mistake(
            "a power of the logits",
            lambda logits, value: logits ** (1 / value),
            "The power belongs to probabilities. Logits are logarithms (and often negative): there the power "
            "becomes a division.",
        ),
        Mistake(
            "nothing is changed",
            lambda logits, value: 1 * logits,
            "`value` is not used yet.",
        ),
        Mistake(
            "the logits are divided in place",
            _divided_in_place,
            "`logits /= value` writes into the caller's tensor. `logits / value` makes a new one.",
        ),
    ),
)


# Against repetition ---------------------------------------------------------------------------------------


def _repetition_penalty(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Make the tokens that were seen less likely: logits (B, V), ids (B, T) seen so far -> (B, V)."""
    seen = logits.gather(-1, ids)  # (B, T)
    return logits.scatter(-1, ids, torch.where(seen < 0, seen * penalty, seen / penalty))


def _repetition_cases() -> list[Case]:
    same = random(2, 3, seed=42)
    return [
        Case(torch.tensor([[4.0, -1.0, 3.0]]), torch.tensor([[0, 1, 1]]), 2.0),
        Case(2 * random(2, 5, seed=40), torch.tensor([[3, 0, 3], [1, 4, 2]]), 1.3),
        Case(turned(random(3, 7, seed=41)), torch.tensor([[6, 6], [0, 5], [2, 1]]), 1.5),
        Case(same, torch.tensor([[1], [0]]), 1.7),
        Case(same, torch.tensor([[1, 1, 2, 1, 1], [0, 0, 0, 0, 0]]), 0.5),
        Case(same, torch.tensor([[0, 0, 2, 0, 2], [1, 2, 1, 1, 1]]), 0.5),
        Case(torch.tensor([[70.0, -80.0, 9e-4, -INFINITY, -9e-4]]), torch.tensor([[4, 3, 2, 1, 0]]), 3),
        Case(30 * random(1, 4, seed=44), torch.tensor([[3, 0, 2]]), 80),
        Case(torch.tensor([[0.02, -0.03, 5.0]]), torch.tensor([[1, 0]]), 8e-4),
        Case(random(2, 300, seed=43), (torch.arange(140).reshape(2, 70) * 37 + 20) % 300, 1.2),
        Case(random(1, 9, seed=45), torch.arange(1100)[None].clamp(1050, 1057) - 1050, 1.2),
    ]


def _fresh_repetition(draw: Draw) -> Case:
    B, V = draw.integer(1, 4), draw.integer(1, 9)
    ids = draw.ids(V, B, draw.integer(1, 8))
    penalty = draw.choose((2.0, 1.5, 1.2, 1.0, 0.5, 2, 5.0, draw.real(0.5, 3.0)))
    return Case(drawn_logits(draw, B, V), ids, penalty)


def _seen(logits: Tensor, ids: Tensor) -> Tensor:
    """(B, V), True for the tokens that occur in the row's text."""
    return torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)


def _penalised(logits: Tensor, penalty: float) -> Tensor:
    return torch.where(logits < 0, logits * penalty, logits / penalty)


def _where_seen(change: Callable[[Tensor, float], Tensor]) -> Callable[..., Tensor]:
    """Another change to the tokens that were seen."""
    return lambda logits, ids, penalty: torch.where(_seen(logits, ids), change(logits, penalty), logits)


def _each_time(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    for place in range(ids.shape[1]):
        logits = _repetition_penalty(logits, ids[:, place : place + 1], penalty)
    return logits


def _by_count(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    return logits - penalty * F.one_hot(ids, logits.shape[-1]).sum(1)


def _all_rows_alike(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    return _repetition_penalty(logits, ids.reshape(1, -1).expand(len(logits), -1), penalty)


def _penalised_in_place(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    return logits.copy_(_repetition_penalty(logits, ids, penalty))


repetition_penalty = Exercise(
    name="repetition_penalty",
    topic="generation",
    title="A penalty for repetition",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=10,
    reference=_repetition_penalty,
    differentiable=False,
    cases=_repetition_cases,
    fresh=_fresh_repetition,
    hints=(
        "A seen token's logit must become *smaller*. Dividing 4 by 2 does that. Dividing -4 by 2 makes it "
        "larger; what helps there?",
        "`logits.gather(-1, ids)` reads the logits of the seen tokens, (B, T); `logits.scatter(-1, ids, "
        "new)` gives a copy with new ones at their places. In between: `torch.where(condition, a, b)`.",
        "A token that occurs twice is read twice, both times the old logit, and written twice with the same "
        "number. So it is penalised once, as it should be.",
    ),
    explanation=(
        "Positive logits are divided, negative ones multiplied: either way they go down, if the penalty is "
        "above 1. Each token is penalised once, however often it was seen. Keskar and others (2019, section "
        "4.1) divide, whatever the sign; to multiply where it is negative is the way of `transformers`.\n\n"
        "It is a crude tool. Adding 5 to all logits changes no probability, yet it changes what the penalty "
        "does. And it hits words that a text can't do without, such as *the*."
    ),
    mistakes=(
        Mistake(
            "negative logits are divided too",
            _where_seen(lambda logits, penalty: logits / penalty),
            "-4 divided by 2 is -2: the token becomes *more* likely. Multiply where the logit is negative.",
        ),
        Mistake(
            "positive logits are multiplied, negative ones divided",
            _where_seen(lambda logits, penalty: torch.where(logits < 0, logits / penalty, logits * penalty)),
            "That makes what was seen *more* likely. The other way round.",
        ),
        Mistake(
            "what was seen is multiplied, positive or not",
            _where_seen(lambda logits, penalty: logits * penalty),
            "4 times 2 is 8: the token becomes more likely. Divide where the logit is positive.",
        ),
        Mistake(
            "a token is penalised each time it was seen",
            _each_time,
            "Once is enough, however often it was seen. Read all old logits before you write new ones.",
        ),
        Mistake(
            "the penalty is subtracted",
            _where_seen(lambda logits, penalty: logits - penalty),
            "That is another known rule (the presence penalty), for which 0 changes nothing. Here 1 changes "
            "nothing: divide or multiply.",
        ),
        Mistake(
            "the penalty is subtracted once for each time",
            _by_count,
            "That is another known rule (the frequency penalty). Here: divide or multiply, once.",
        ),
        Mistake(
            "what was not seen is penalised",
            lambda logits, ids, penalty: torch.where(_seen(logits, ids), logits, _penalised(logits, penalty)),
            "It is the tokens in `ids` that should become less likely.",
        ),
        Mistake(
            "all tokens are penalised",
            lambda logits, ids, penalty: _penalised(logits, penalty),
            "Only the tokens that occur in the row's `ids`. For all of them, it is more or less a "
            "temperature.",
        ),
        Mistake(
            "each row is penalised for the texts of all rows",
            _all_rows_alike,
            "Row b of `logits` belongs to row b of `ids`, and to no other. `gather` and `scatter` along the "
            "last axis keep them apart; `logits[:, ids]` doesn't.",
        ),
        Mistake(
            "the first row's text for all rows",
            lambda logits, ids, penalty: _repetition_penalty(logits, ids[:1].expand_as(ids), penalty),
            "Row b of `logits` belongs to row b of `ids`. `gather` and `scatter` along the last axis keep "
            "them apart.",
        ),
        Mistake(
            "what was seen is ruled out",
            _where_seen(lambda logits, penalty: torch.full_like(logits, -INFINITY)),
            "A text can't go on without ever using a word twice. Make them less likely, by the factor "
            "`penalty`.",
        ),
        Mistake(
            "the probabilities are divided",
            lambda logits, ids, penalty: _where_seen(lambda p, by: p / by)(logits.softmax(-1), ids, penalty),
            "The rule is about logits, and gives logits: no softmax here.",
        ),
        Mistake(
            "only the newest token is penalised",
            lambda logits, ids, penalty: _repetition_penalty(logits, ids[:, -1:], penalty),
            "All ids of the text so far count, not only the last.",
        ),
        Mistake(
            "only the logits of seen tokens are given back",
            lambda logits, ids, penalty: _penalised(logits.gather(-1, ids), penalty),
            "These numbers are right. Write them back to their places: `logits.scatter(-1, ids, ...)`, (B, "
            "V).",
        ),
        Mistake(
            "the logits are changed in place",
            _penalised_in_place,
            "Somebody may still need them as they were. `scatter` makes a new tensor, `scatter_` doesn't.",
        ),
    ),
)
