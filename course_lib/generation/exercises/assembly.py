"""Putting the parts together: an exercise. Text goes in, and a story comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from course_lib.context import exercises as context
from course_lib.exercises import Case, Draw, Exercise, Mistake
from course_lib.exercises._frozen import Amiss
from course_lib.exercises._values import show_value
from course_lib.generation.exercises.dice import draw
from course_lib.generation.exercises.loop import generate
from course_lib.training import exercises as training

Tensor = torch.Tensor


class _Storyteller:
    """A tokenizer and a GPT that learn from texts, and then write."""

    def __init__(
        self, parts: Any, texts: list[str], context_length: int, width: int, n_heads: int, n_layers: int
    ) -> None:
        self.parts, self.context_length = parts, context_length
        self.tokenizer = parts.Tokenizer(texts)
        self.model = parts.GPT(self.tokenizer.vocab_size, context_length, width, n_heads, n_layers)

    def cut(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Windows (N, T) and their targets, from all texts in one line; each begins with the end of text."""
        line = [id for text in texts for id in (self.tokenizer.end_id, *self.tokenizer.encode(text))]
        return self.parts.windows(torch.tensor(line), self.context_length)

    def learn(
        self,
        texts: list[str],
        unseen: list[str],
        steps: int,
        batch_size: int,
        peak: float,
        every: int,
        chance: torch.Generator,
    ) -> list[tuple[int, float, float]]:
        """Train on `texts`, and measure on `unseen`; gives the records of `train`."""
        parts = self.parts
        x, y = self.cut(texts)
        x_unseen, y_unseen = self.cut(unseen)

        def batches() -> Iterator[tuple[Tensor, Tensor]]:
            while True:
                rows = torch.randint(len(x), (batch_size,), generator=chance)
                yield x[rows], y[rows]

        def rate(step: int) -> float:
            return parts.learning_rate(step, steps, peak, steps // 10, 0.1)

        def measure(model: nn.Module) -> float:
            return float(parts.cross_entropy(model(x_unseen).flatten(0, 1), y_unseen.flatten()))

        optimizer = parts.AdamW(self.model.parameters())
        return parts.train(self.model, optimizer, batches(), rate, measure, steps, every, 1.0)

    def write(self, prompt: str, max_new_tokens: int, chance: torch.Generator) -> str:
        """The prompt as the beginning of a text, and what the model writes after it."""

        def choose(logits: Tensor) -> Tensor:
            return self.parts.choose(logits, torch.rand(1, generator=chance))

        end = self.tokenizer.end_id
        begun = [end, *self.tokenizer.encode(prompt)]
        self.model.eval()
        with torch.no_grad():
            ids = self.parts.generate(self.model, begun, max_new_tokens, self.context_length, choose, end)
        return self.tokenizer.decode(ids)


# What stands for the parts --------------------------------------------------------------------------------


class _Letters:
    """What stands for the tokenizer: the end of text is 0, and then come the letters that it has seen."""

    end_id = 0

    def __init__(self, texts: list[str]) -> None:
        self.texts = list(texts)
        self.letters = sorted(set("".join(texts)))
        self.vocab_size = len(self.letters) + 1

    def encode(self, text: str) -> list[int]:
        return [1 + self.letters.index(letter) for letter in text]

    def decode(self, ids: list[int]) -> str:
        return "".join(self.letters[id - 1] for id in map(int, ids) if id != self.end_id)


class _Table(nn.Module):
    """What stands for the GPT: what follows a token depends on it alone; each call is written down."""

    def __init__(self, V: int, context_length: int, width: int, n_heads: int, n_layers: int) -> None:
        super().__init__()
        self.sizes = [V, context_length, width, n_heads, n_layers]
        self.table = nn.Embedding(V, V)
        begun = torch.randn(V, V, generator=torch.Generator().manual_seed(width))
        self.table.weight.data = begun
        self.calls: list[tuple[bool, bool, list]] = []

    def forward(self, ids: Tensor) -> Tensor:
        self.calls.append((self.training, torch.is_grad_enabled(), ids.tolist()))
        return self.table(ids) * (1.5 if self.training else 1.0)


class _Descent:
    """What stands for the optimizer: gradient descent that writes down its rates."""

    def __init__(self, weights: Any) -> None:
        self.param_groups = [{"params": list(weights), "lr": 0.0}]
        self.rates: list[float] = []

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: ARG002  (torch's signature)
        for weight in self.param_groups[0]["params"]:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        self.rates.append(float(self.param_groups[0]["lr"]))
        for weight in self.param_groups[0]["params"]:
            if weight.grad is not None:
                weight -= self.rates[-1] * weight.grad


class _Parts:
    """The parts for one call, which write down what is asked of them."""

    windows = staticmethod(context.windows.reference)
    cross_entropy = staticmethod(context.cross_entropy.reference)
    learning_rate = staticmethod(training.learning_rate.reference)

    def __init__(self) -> None:
        self.tokenizers: list[_Letters] = []
        self.models: list[_Table] = []
        self.optimizers: list[_Descent] = []
        self.batches: list[list] = []
        self.trained: list[list[float]] = []
        self.dice: list[float] = []
        self.begun: list[list] = []

    def Tokenizer(self, texts: list[str]) -> _Letters:  # noqa: N802  (a class, in my_gpt.py)
        return _kept(self.tokenizers, _Letters(texts))

    def GPT(self, *sizes: int) -> _Table:  # noqa: N802
        return _kept(self.models, _Table(*sizes))

    def AdamW(self, weights: Any) -> _Descent:  # noqa: N802
        return _kept(self.optimizers, _Descent(weights))

    def train(self, model, optimizer, batches, rate, measure, steps, every, max_norm) -> list:
        self.trained.append([steps, every, float(max_norm)])

        def told() -> Iterator[tuple[Tensor, Tensor]]:
            for x, y in batches:
                self.batches.append([x.tolist(), y.tolist()])
                yield x, y

        return training.train.reference(model, optimizer, told(), rate, measure, steps, every, max_norm)

    def choose(self, logits: Tensor, dice: Tensor) -> Tensor:
        self.dice.append(float(dice))
        return draw.reference(logits, dice)

    def generate(self, model, ids, max_new_tokens, context_length, choose, stop) -> list[int]:
        self.begun.append([list(map(int, ids)), max_new_tokens, context_length, stop])
        return generate.reference(model, ids, max_new_tokens, context_length, choose, stop)


def _kept(there: list, thing: Any) -> Any:
    there.append(thing)
    return thing


# The cases ------------------------------------------------------------------------------------------------


_TEXTS = ["the cat sat.", "a hat!", "the cat has a hat.", "he sat at the tea.", "she ate the tea."]
_UNSEEN = ["the hat sat.", "a cat ate."]
_WIDTHS = (6, 2, 3)  # width, heads, layers


class _Telling(Case):
    """A storyteller that is made, learns and writes."""

    def call(self, name: str) -> str:
        """The three calls in words."""
        (texts, unseen, prompt), given = self.args, self.kwargs
        sizes = ", ".join(map(str, (given["context_length"], *_WIDTHS)))
        learning = ", ".join(str(given[key]) for key in ("steps", "batch_size", "peak", "every"))
        return (
            f"texts, unseen = {show_value(texts, 120)}, {unseen}\nteller = {name}(parts, texts, {sizes})\n"
            f"teller.learn(texts, unseen, {learning}, chance)\n"
            f"teller.write({prompt!r}, {given['new']}, chance)"
        )


def _case(
    texts: list[str] = _TEXTS,
    unseen: list[str] = _UNSEEN,
    prompt: str = "the ",
    *,
    context_length: int = 4,
    steps: int = 4,
    batch_size: int = 2,
    peak: float = 0.5,
    every: int = 2,
    new: int = 12,
    seed: int = 0,
) -> Case:
    return _Telling(
        texts, unseen, prompt, context_length=context_length, steps=steps, batch_size=batch_size,
        peak=peak, every=every, new=new, seed=seed,
    )  # fmt: skip


def _cases() -> list[Case]:
    return [
        _case(),
        _case(prompt="", seed=1, new=40),
        _case(steps=29, every=10, peak=2.0, context_length=6, seed=2),
        _case(["ab", "ba"], ["aab"], "b", context_length=2, batch_size=5, steps=1, every=3, seed=3, new=30),
        _case(context_length=9, batch_size=3, steps=21, every=20, seed=4, new=25),
        _case([*_TEXTS, "at " * 300], _UNSEEN, "a", context_length=70, batch_size=1, seed=5, new=90),
    ]


def _fresh(draw: Draw) -> Case:
    texts = [_TEXTS[draw.integer(0, 4)] for _ in range(draw.integer(2, 6))]
    texts.append("the cats!.")  # has every letter of the others that `unseen` may need
    unseen = ["the cat.", "has a hat"][: draw.integer(1, 2)]
    sizes = {"context_length": draw.integer(2, 6), "steps": draw.integer(1, 25), "every": draw.integer(1, 9)}
    more = {"batch_size": draw.integer(1, 4), "new": draw.integer(1, 20), "seed": draw.integer(0, 99)}
    return _case(texts, unseen, draw.choose(("the", "a", "")), **sizes, **more)


def _told(
    answer: type, texts: list[str], unseen: list[str], prompt: str, *, context_length: int, steps: int,
    batch_size: int, peak: float, every: int, new: int, seed: int,
) -> Any:  # fmt: skip
    """All that can be seen of a storyteller that is made, learns and writes twice."""
    parts, chance = _Parts(), torch.Generator().manual_seed(seed)
    teller = answer(parts, texts, context_length, *_WIDTHS)
    for name, made in (("tokenizer", parts.tokenizers), ("model", parts.models)):
        if not made or getattr(teller, name, None) is not made[-1]:
            return Amiss(f"`self.{name}` has to be what `parts` has made, once `__init__` is done.")
    model, tokenizer = teller.model, teller.tokenizer
    try:
        records = teller.learn(texts, unseen, steps, batch_size, peak, every, chance)
        learned = len(model.calls)
        stories = [teller.write(prompt, new, chance) for _ in range(2)]
    except NotImplementedError as error:
        if error.args:
            raise
        return Amiss("It is made as it should be, but `learn` or `write` is not written yet.")
    if len(parts.begun) < 2:
        return Amiss("`write` has to use `parts.generate`.")
    if not parts.trained:
        return Amiss("`learn` has to use `parts.train`.")
    measured = [ids for training, _, ids in model.calls[:learned] if not training]
    return {
        "the tokenizer's texts": tokenizer.texts,
        "the model's sizes": model.sizes,
        "models that were made": len(parts.models),
        "batches": parts.batches,
        "steps, every and max_norm of `train`": parts.trained,
        "windows on which it was measured": measured,
        "rates of the steps": parts.optimizers[-1].rates,
        "records": records,
        "weights afterwards": model.table.weight.detach(),
        "ids, length, context and stop of `generate`": parts.begun,
        "in training while it writes": any(training for training, _, _ in model.calls[learned:]),
        "gradients kept while it writes": any(asking for _, asking, _ in model.calls[learned:]),
        "dice": parts.dice,
        "stories": stories,
    }


# Mistakes -------------------------------------------------------------------------------------------------


class _Otherwise(_Storyteller):
    """A storyteller that can be told to do one thing otherwise."""

    def cut(self, texts):
        return self.parts.windows(torch.tensor(self.line(texts)), self.context_length)

    def line(self, texts):
        return [id for text in texts for id in (self.tokenizer.end_id, *self.tokenizer.encode(text))]

    def batches(self, x, y, batch_size, chance):
        while True:
            rows = torch.randint(len(x), (batch_size,), generator=chance)
            yield x[rows], y[rows]

    def rate(self, step, steps, peak):
        return self.parts.learning_rate(step, steps, peak, steps // 10, 0.1)

    def to_measure(self, texts, unseen):
        return self.cut(unseen)

    def learner(self):
        return self.model

    def learn(self, texts, unseen, steps, batch_size, peak, every, chance):
        parts, (x, y), (x_unseen, y_unseen) = self.parts, self.cut(texts), self.to_measure(texts, unseen)
        model = self.learner()

        def measure(model):
            return float(parts.cross_entropy(model(x_unseen).flatten(0, 1), y_unseen.flatten()))

        return parts.train(
            model, parts.AdamW(model.parameters()), self.batches(x, y, batch_size, chance),
            lambda step: self.rate(step, steps, peak), measure, steps, every, self.max_norm,
        )  # fmt: skip

    max_norm = 1.0
    stops = True

    def ready(self):
        self.model.eval()

    def begin(self, prompt):
        return [self.tokenizer.end_id, *self.tokenizer.encode(prompt)]

    def dice(self, chance):
        return lambda: torch.rand(1, generator=chance)

    def watched(self):
        return torch.no_grad()

    def write(self, prompt, max_new_tokens, chance):
        self.ready()
        dice, stop = self.dice(chance), self.tokenizer.end_id if self.stops else None
        with self.watched():
            ids = self.parts.generate(
                self.model, self.begin(prompt), max_new_tokens, self.context_length,
                lambda logits: self.parts.choose(logits, dice()), stop,
            )  # fmt: skip
        return self.shown(ids, prompt)

    def shown(self, ids, prompt):  # noqa: ARG002
        return self.tokenizer.decode(ids)


def _with(**changes: Any) -> type:
    return type("Storyteller", (_Otherwise,), changes)


def _one_batch(self, x, y, batch_size, chance):
    rows = torch.randint(len(x), (batch_size,), generator=chance)
    while True:
        yield x[rows], y[rows]


def _rows_apart(self, x, y, batch_size, chance):
    while True:
        rows, others = (torch.randint(len(x), (batch_size,), generator=chance) for _ in range(2))
        yield x[rows], y[others]


def _first_rows(self, x, y, batch_size, chance):  # noqa: ARG001
    while True:
        yield x[:batch_size], y[:batch_size]


def _a_new_model(self: _Otherwise) -> nn.Module:
    return self.parts.GPT(*self.model.sizes)


def _one_throw(self, chance) -> Callable[[], Tensor]:
    thrown = torch.rand(1, generator=chance)
    return lambda: thrown


def _learns_tokens_of_all(self, texts, unseen):
    self.tokenizer = self.parts.Tokenizer([*texts, *unseen])
    return self.cut(unseen)


Storyteller = Exercise(
    name="Storyteller",
    topic="generation",
    title="Your own GPT, put together",
    piece="storyteller_class",
    difficulty="hard",
    minutes=25,
    reference=_Storyteller,
    use=_told,
    cases=_cases,
    fresh=_fresh,
    draws=4,
    differentiable=False,
    rtol=1e-3,
    atol=1e-4,
    hints=(
        "Begin with `__init__`, three lines. Both `learn` and its measuring need windows of a list of texts: "
        "write a method for that, `cut(texts)`: one long list of ids, made a tensor, given to "
        "`parts.windows`.",
        "`train` wants an iterator and two functions. Define them inside `learn`, where they see `x`, `y`, "
        "`steps` and `chance`: a generator (`while True: ... yield x[rows], y[rows]`), `rate(step)` and "
        "`measure(model)`.",
        "`write`: `self.model.eval()`, then `with torch.no_grad():` around `parts.generate`. What it gets as "
        "`choose` takes logits alone, so wrap: `parts.choose(logits, torch.rand(1, generator=chance))`.",
    ),
    explanation=(
        "Nothing is computed here; everything is handed on. That is most of the work in a real program, and "
        "most of its silent mistakes: tokens learned from one text and a model made for another vocabulary, "
        "rows of x and y drawn apart, a loss measured on what was learned by heart.\n\n"
        "The two functions inside `learn` are *closures*: they remember `x`, `steps` and `chance`, so that "
        "`train` need not know of texts, nor `generate` of dice."
    ),
    mistakes=(
        Mistake(
            "the texts run into each other",
            _with(line=lambda self, texts: self.tokenizer.encode("".join(texts))),
            "Without the end of text between them, the model can't learn where a story ends. Put `end_id` "
            "before the ids of each text.",
        ),
        Mistake(
            "the end of text comes after each text",
            _with(
                line=lambda self, texts: [
                    id for text in texts for id in (*self.tokenizer.encode(text), self.tokenizer.end_id)
                ]
            ),
            "It goes *before* each text: then the model learns to begin one after it, and that is how "
            "`write` asks.",
        ),
        Mistake(
            "it is measured on the texts it learns from",
            _with(to_measure=lambda self, texts, unseen: self.cut(texts)),
            "What it knows by heart always looks good: `measure` takes the windows of `unseen`.",
        ),
        Mistake(
            "every step gets the same batch",
            _with(batches=_one_batch),
            "The rows are drawn once. Inside of `while True`, draw anew.",
        ),
        Mistake(
            "the rows of x and of y are drawn apart",
            _with(batches=_rows_apart),
            "Row 3 of x belongs to row 3 of y: draw `rows` once a batch, and take both by it.",
        ),
        Mistake(
            "the rows are not drawn",
            _with(batches=_first_rows),
            "The batch is always the first rows. `torch.randint(len(x), (batch_size,), generator=chance)`.",
        ),
        Mistake(
            "the rate doesn't rise in the beginning",
            _with(rate=lambda self, step, steps, peak: self.parts.learning_rate(step, steps, peak, 0, 0.1)),
            "The fourth argument is the warm-up: `steps // 10`.",
        ),
        Mistake(
            "the rate is the peak throughout",
            _with(rate=lambda self, step, steps, peak: peak),  # noqa: ARG005
            "Each step has its rate: `parts.learning_rate(step, steps, peak, steps // 10, 0.1)`.",
        ),
        Mistake(
            "the rate goes down to a tenth of a tenth",
            _with(
                rate=lambda self, step, steps, peak: self.parts.learning_rate(
                    step, steps, peak, steps // 10, peak / 10
                )
            ),
            "The last argument is a share of the peak, not a rate: 0.1.",
        ),
        Mistake(
            "the rate goes down to 0",
            _with(
                rate=lambda self, step, steps, peak: self.parts.learning_rate(
                    step, steps, peak, steps // 10, 0.0
                )
            ),
            "It goes down to a tenth of the peak: the last argument is 0.1.",
        ),
        Mistake(
            "the gradients are hardly clipped",
            _with(max_norm=100.0),
            "All gradients together are to be no longer than 1: `max_norm` is 1.0.",
        ),
        Mistake(
            "another model is trained than the one that writes",
            _with(learner=_a_new_model),
            "`learn` makes a model of its own, and `self.model` stays as it began. Train `self.model`.",
        ),
        Mistake(
            "it writes in training mode",
            _with(ready=lambda self: self.model.train()),
            "`train` leaves the model in training mode, with dropout on if there is any. First comes "
            "`self.model.eval()`.",
        ),
        Mistake(
            "it keeps gradients while it writes",
            _with(watched=lambda self: torch.enable_grad()),  # noqa: ARG005
            "Nothing is learned from writing: `with torch.no_grad():`.",
        ),
        Mistake(
            "the prompt doesn't begin a text",
            _with(begin=lambda self, prompt: self.tokenizer.encode(prompt)),
            "In the texts it has read, a beginning follows the end of text: put `end_id` before the prompt.",
        ),
        Mistake(
            "it doesn't stop at the end of a text",
            _with(stops=False),
            "`generate` stops at the id that it gets as `stop`: `self.tokenizer.end_id`.",
        ),
        Mistake(
            "the die is thrown once",
            _with(dice=_one_throw),
            "Every token needs a throw of its own: `torch.rand(1, generator=chance)` inside of the function "
            "that chooses.",
        ),
        Mistake(
            "the story comes without its prompt",
            _with(shown=lambda self, ids, prompt: self.tokenizer.decode(ids)[len(prompt) :]),
            "Give the whole text: what `generate` gives, decoded.",
        ),
        Mistake(
            "it gives ids, not a text",
            _with(shown=lambda self, ids, prompt: ids),  # noqa: ARG005
            "`self.tokenizer.decode(ids)` makes a text of them.",
        ),
    ),
)
