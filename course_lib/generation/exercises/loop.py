"""The exercise on the loop that writes, and the toy models that it is tried with."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake, Property
from course_lib.generation.exercises.shared import Tensor


def _generate(
    model: Callable,
    ids: list[int],
    max_new_tokens: int,
    context_length: int,
    choose: Callable,
    stop: int | None,
) -> list[int]:
    """The prompt and what the model writes after it, up to `max_new_tokens` ids or the id `stop`."""
    text = list(ids)
    for _ in range(max_new_tokens):
        seen = torch.tensor([text[-context_length:]])  # (1, T)
        token = int(choose(model(seen)[:, -1]))
        text.append(token)
        if token == stop:
            break
    return text


@dataclass(frozen=True)
class _Named:
    """A function with the name that a learner sees in the call; equal ones compare equal."""

    name: str
    do: Callable[[Tensor], Tensor]

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, x: Tensor) -> Tensor:
        return self.do(x)


# Models and choosers --------------------------------------------------------------------------------------


def _checked(ids: Tensor) -> Tensor:
    """Ids (1, T) of any whole type; what a model would not take is told."""
    if not isinstance(ids, Tensor):
        raise TypeError(f"the model needs a tensor of ids, (1, T), and got a {type(ids).__name__}")
    if ids.ndim != 2:
        raise IndexError(f"the model needs ids of shape (1, T), and got {tuple(ids.shape)}")
    if ids.is_floating_point() or ids.dtype == torch.bool:
        raise TypeError(f"the model needs whole numbers as ids, and got {ids.dtype}")
    return ids.long()


def _sure_of(next_ids: Tensor, V: int) -> Tensor:
    """Logits (B, T, V): sure of these ids, less of the ones above them, and still less of those above."""
    logits = torch.zeros(*next_ids.shape, V)
    for i, height in enumerate((5.0, 2.5, 1.25)):
        logits.scatter_(-1, (next_ids[..., None] + i) % V, height)
    return logits


def _next_is_the_sum(ids: Tensor) -> Tensor:
    """Logits (1, T, 7): sure that next comes the sum of all ids seen, modulo 7; after that, the one above."""
    return _sure_of(_checked(ids).cumsum(1) % 7, 7)


def _next_depends_on_all(V: int) -> _Named:
    """A model with V tokens for which it counts which ids there are, how many, and in which order."""

    def model(ids: Tensor) -> Tensor:
        rows = []
        for row in _checked(ids).tolist():
            state, states = 3, []
            for id in row:
                state = (5 * state + id + 1) % V
                states.append(state)
            rows.append(states)
        return _sure_of(torch.tensor(rows, dtype=torch.long), V)

    return _Named(f"toy_model_{V}", model)


def _one_row(logits: Tensor) -> Tensor:
    if not isinstance(logits, Tensor):
        raise TypeError(f"choose needs a tensor of logits, (1, V), and got a {type(logits).__name__}")
    if logits.ndim != 2 or len(logits) != 1:
        raise ValueError(f"choose needs logits of shape (1, V), and got {tuple(logits.shape)}")
    return logits


def _chooser(place: int) -> Callable[[Tensor], Tensor]:
    return lambda logits: _one_row(logits).topk(place + 1).indices[:, place]


@dataclass
class _Dice:
    """Chooses another place each time, as if by dice: the likeliest, or the second or third."""

    places: list[int]
    thrown: int = 0
    __name__ = "dice"

    def __call__(self, logits: Tensor) -> Tensor:
        place = self.places[self.thrown % len(self.places)]
        self.thrown += 1
        return _one_row(logits).topk(3).indices[:, place]


_SUM = _Named("sum_modulo_7", _next_is_the_sum)
_TOYS = {V: _next_depends_on_all(V) for V in (7, 11, 311)}
_LIKELIEST = _Named("likeliest", _chooser(0))
_SECOND = _Named("second_likeliest", _chooser(1))


# Cases ----------------------------------------------------------------------------------------------------


def _generate_cases() -> list[Case]:
    toy, large = _TOYS[7], _TOYS[311]
    return [
        Case(_SUM, [1, 2], 3, 8, _LIKELIEST, None),
        Case(_SUM, [1, 3, 2], 7, 2, _LIKELIEST, None),
        Case(_SUM, [2, 5, 3, 6, 4], 3, 3, _SECOND, 6),
        Case(_SUM, [1, 2], 7, 8, _LIKELIEST, 6),
        Case(_SUM, [3, 4], 5, 3, _LIKELIEST, 0),
        Case(_SUM, [6, 4, 6], 2, 8, _LIKELIEST, 6),
        Case(_SUM, [5], 0, 3, _LIKELIEST, 5),
        Case(toy, [4, 0, 0, 4], 5, 1, _Dice([0, 1, 2, 1]), None),
        Case(toy, [4, 0, 0, 4], 9, 4, _Dice([2, 0, 0, 1, 1]), 4),
        Case(large, [300, 0, 0, 270, 270, 0], 6, 4, _LIKELIEST, 260),
        Case(large, [id % 5 for id in range(67)], 66, 65, _LIKELIEST, 254),
        Case(toy, [id % 5 for id in range(1100)], 3, 1050, _LIKELIEST, None),
        Case(_SUM, [3, 1], 530, 2, _LIKELIEST, None),
    ]


def _stopped(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, after: int
) -> tuple:
    """The arguments of a call whose `stop` is the new id number `after`."""
    new = _generate(model, ids, max_new_tokens, context_length, copy.deepcopy(choose), None)[len(ids) :]
    return model, ids, max_new_tokens, context_length, choose, new[after]


def _fresh_generate(draw: Draw) -> Case:
    V = draw.choose((7, 11, 311))
    model, ids = _TOYS[V], draw.id_list(V, low=1, high=9)
    n, context_length = draw.integer(0, 8), draw.integer(1, 10)
    places = draw.list(lambda: draw.integer(0, 2), low=1, high=5)
    choose = draw.choose((_LIKELIEST, _SECOND, _Dice(places), _Dice(places)))
    kind = draw.integer(0, 4)
    if kind > 1 and n:
        return Case(*_stopped(model, ids, n, context_length, choose, draw.integer(0, n - 1)))
    return Case(model, ids, n, context_length, choose, (None, draw.choose((0, ids[0], ids[-1])))[kind % 2])


def _asks_once(answer: Callable[..., list[int]]) -> bool | str:
    """`choose` is called once for each new id, and not again."""
    model, *_, stop = _stopped(_TOYS[7], [3], 6, 8, _LIKELIEST, 2)
    for n, end in ((4, None), (0, None), (6, stop)):
        dice = _Dice([0])
        new = len(answer(model, [3], n, 8, dice, end)) - 1
        if dice.thrown != new:
            return f"It was called {dice.thrown} times for {new} new ids."
    return True


# Wrong ways -----------------------------------------------------------------------------------------------


def _loop(
    see: Callable[[list[int], int, int], list[int]] = lambda text, prompt, context: text[-context:],
    read: Callable[[Tensor, Callable], Tensor] = lambda logits, choose: choose(logits[:, -1]),
    ends: Callable[[list[int], int | None], bool] = lambda text, stop: text[-1] == stop,
    extra: Callable[[int], int] = lambda prompt: 0,
    give: Callable[[list[int], int, int | None], object] = lambda text, prompt, stop: text,
) -> Callable[..., object]:
    """The loop with one part done in another way."""

    def wrong(
        model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
    ) -> object:
        text, prompt = list(ids), len(ids)
        for _ in range(max_new_tokens + extra(prompt)):
            seen = torch.tensor([see(text, prompt, context_length)])
            text.append(int(read(model(seen), choose).reshape(-1)[0]))
            if ends(text, stop):
                break
        return give(text, prompt, stop)

    return wrong


def _without_batch(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    return _generate(lambda seen: model(seen[0]), ids, max_new_tokens, context_length, choose, stop)


def _as_a_list(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    return _generate(lambda seen: model(seen.tolist()), ids, max_new_tokens, context_length, choose, stop)


def _prompt_lengthened(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    ids += _generate(model, ids, max_new_tokens, context_length, choose, stop)[len(ids) :]
    return ids


def _beginning_forgotten(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    for _ in range(max_new_tokens):
        ids = ids[-context_length:]
        ids = [*ids, int(choose(model(torch.tensor([ids]))[:, -1]))]
        if ids[-1] == stop:
            break
    return ids


def _returns_at_once(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    return _generate(model, ids, min(1, max_new_tokens), context_length, choose, stop)


def _chooses_again(keep: int) -> Callable[..., list[int]]:
    """Two calls of `choose` for each id: one is kept (the first if `keep` is 0), the other compared."""

    def wrong(
        model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
    ) -> list[int]:
        text = list(ids)
        for _ in range(max_new_tokens):
            logits = model(torch.tensor([text[-context_length:]]))[:, -1]
            both = [int(choose(logits)), int(choose(logits))]
            text.append(both[keep])
            if both[1 - keep] == stop:
                break
        return text

    return wrong


def _chooses_anew(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    return _generate(
        model, ids, max_new_tokens, context_length, lambda logits: (choose(logits), choose(logits))[1], stop
    )


def _ends_at_once(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    return _generate(model, ids, 0 if stop in ids else max_new_tokens, context_length, choose, stop)


def _stops_before(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    text = list(ids)
    while len(text) < len(ids) + max_new_tokens and text[-1] != stop:
        text = _generate(model, text, 1, context_length, choose, None)
    return text


generate = Exercise(
    name="generate",
    topic="generation",
    title="The loop that writes",
    difficulty="medium",
    minutes=15,
    reference=_generate,
    differentiable=False,
    cases=_generate_cases,
    fresh=_fresh_generate,
    properties=(
        Property("one choice an id", _asks_once, "`choose` is called once for each new id, and not again"),
    ),
    hints=(
        "Make a list of your own from `ids`. Then, up to `max_new_tokens` times: show the model the text, "
        "take what it says about the next id, choose, append. Leave the loop after `stop`.",
        "`text[-context_length:]` is what fits. `torch.tensor([...])` around it, in brackets, has the batch "
        "axis: (1, T).",
        "The model gives (1, T, V): a guess after each id. The one about what comes next is `logits[:, -1]`, "
        "(1, V). `int(choose(...))` makes a plain number of the answer.",
    ),
    explanation=(
        "The model is asked the same question again and again: what comes after this? Each answer becomes a "
        "part of the next question. All but the last position guess at ids that are already there, and are "
        "not needed.\n\n"
        "The text keeps its beginning, though the model sees only the last `context_length` ids of it. "
        "`token == stop` is never true for `stop=None`, and right for id 0 too. What the loop doesn't do is "
        "choose: greedy, top-p, or a person at the keyboard fit in alike."
    ),
    mistakes=(
        Mistake(
            "the whole text is shown to the model",
            _loop(see=lambda text, prompt, context: text),
            "A model has positions for `context_length` ids, no more: show it `text[-context_length:]`.",
        ),
        Mistake(
            "the first ids of the text are shown, not the last",
            _loop(see=lambda text, prompt, context: text[:context]),
            "When the context is full, it is the beginning that must go: `text[-context_length:]`.",
        ),
        Mistake(
            "only the newest id is shown",
            _loop(see=lambda text, prompt, context: text[-1:]),
            "Without a cache the model remembers nothing between two calls. Show it the whole context again.",
        ),
        Mistake(
            "the model is always shown the prompt",
            _loop(see=lambda text, prompt, context: text[:prompt][-context:]),
            "What was just written must be part of the next question, or every answer is the same.",
        ),
        Mistake(
            "one id too few is shown",
            _loop(see=lambda text, prompt, context: text[-context + 1 :]),
            "`context_length` ids fit, and the new one isn't among them yet: `text[-context_length:]`.",
        ),
        Mistake(
            "the guess of the first position is taken",
            _loop(read=lambda logits, choose: choose(logits[:, 0])),
            "The first position says what comes after the *first* id. The last one, `[:, -1]`, says what "
            "comes next.",
        ),
        Mistake(
            "always the likeliest id",
            _loop(read=lambda logits, choose: logits[:, -1].argmax(-1)),
            "How to choose is not the loop's business: call `choose`.",
        ),
        *(
            Mistake(
                "choose is called twice for one id",
                wrong,
                "It may throw a die, or ask a person: a second call can give another id. Call it once, keep "
                "what it gives in a variable, and use that to append and to compare.",
            )
            for wrong in (_chooses_again(0), _chooses_again(1), _chooses_anew)
        ),
        Mistake(
            "it returns after the first id",
            _returns_at_once,
            "The `return` stands inside the loop, so there is never a second round. Move it to the left, "
            "below the loop.",
        ),
        Mistake(
            "only the new ids are given back",
            _loop(give=lambda text, prompt, stop: text[prompt:]),
            "The text begins with the prompt: start from `list(ids)`.",
        ),
        Mistake(
            "the beginning of the text is forgotten",
            _beginning_forgotten,
            "The model sees only the end of the text, but the text itself stays whole. Cut a copy for the "
            "model.",
        ),
        Mistake(
            "the stop is left out of the text",
            _loop(give=lambda text, p, stop: text[:-1] if len(text) > p and text[-1] == stop else text),
            "The stop is a token like others, and part of the text: append first, then look.",
        ),
        Mistake(
            "it does not stop",
            _loop(ends=lambda text, stop: False),
            "After the id `stop` the text is over: leave the loop.",
        ),
        Mistake(
            "it stops at every id but the stop",
            _loop(ends=lambda text, stop: text[-1] != stop),
            "The condition is turned round: leave the loop where the new id *is* the stop, `==`.",
        ),
        Mistake(
            "the id 0 does not stop",
            _loop(ends=lambda text, stop: bool(stop) and text[-1] == stop),
            "0 counts as false in Python, so `if stop` takes the id 0 for no stop at all. Write "
            "`stop is not None`, or just `token == stop`.",
        ),
        *(
            Mistake(
                "a stop in the prompt ends the text",
                wrong,
                "Only a *new* stop counts: compare the token that was just written.",
            )
            for wrong in (_loop(ends=lambda text, stop: stop in text), _ends_at_once)
        ),
        Mistake(
            "a prompt that ends with the stop is not continued",
            _stops_before,
            "Only a *new* stop counts. (A prompt may well begin after the end of another text.) Look at the "
            "token after it was appended.",
        ),
        Mistake(
            "the prompt counts as new ids",
            _loop(extra=lambda prompt: -prompt),
            "`max_new_tokens` ids come after the prompt, however long that is.",
        ),
        Mistake(
            "one new id too many",
            _loop(extra=lambda prompt: 1),
            "`max_new_tokens` times and no more: `range(max_new_tokens)`. With 0, the prompt comes back.",
        ),
        Mistake(
            "one new id, though none is wanted",
            lambda model, ids, most, *rest: _generate(model, ids, max(1, most), *rest),
            "At most `max_new_tokens` ids may come, and 0 are none: ask whether one more is wanted before "
            "you write it.",
        ),
        Mistake(
            "one new id too few",
            _loop(extra=lambda prompt: -1),
            "`range(max_new_tokens)` runs `max_new_tokens` times.",
        ),
        Mistake(
            "choose gets logits of another shape",
            _loop(read=lambda logits, choose: choose(logits)),
            "It needs the last position alone and still the batch axis, (1, V): `logits[:, -1]`.",
        ),
        Mistake(
            "the ids have no batch axis",
            _without_batch,
            "A model takes (B, T), also for one text: `torch.tensor([...])` around the list gives (1, T).",
        ),
        Mistake(
            "the model gets a list",
            _as_a_list,
            "A model takes a tensor of ids, (1, T): `torch.tensor([text[-context_length:]])`.",
        ),
        Mistake(
            "the batch axis is still there",
            _loop(give=lambda text, prompt, stop: torch.tensor([text])),
            "The ids of one text are wanted, as a list: `[0].tolist()` of your tensor.",
        ),
        Mistake(
            "the prompt itself was made longer",
            _prompt_lengthened,
            "The list belongs to the caller, who may want to continue it a second time. Start from "
            "`list(ids)`.",
        ),
    ),
)
