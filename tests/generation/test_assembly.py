"""Putting the parts together, as an exercise: other right ways, wrong ones, and parts that are not used."""

from __future__ import annotations

import itertools

import pytest
import torch

from course_lib.exercises import State
from course_lib.generation import exercises as ex


class InOneBreath:
    """Other names inside, loops written out, a generator of its own."""

    def __init__(self, p, texts, T, C, H, L):
        self.p = p
        self.T = T
        self.tokenizer = tok = p.Tokenizer(texts)
        self.model = p.GPT(tok.vocab_size, T, C, H, L)

    def learn(self, texts, unseen, steps, B, peak, every, chance):
        p, end = self.p, self.tokenizer.end_id
        lines = []
        for some in (texts, unseen):
            line = []
            for text in some:
                line.append(end)
                line.extend(self.tokenizer.encode(text))
            lines.append(p.windows(torch.tensor(line, dtype=torch.long), self.T))
        (x, y), (x_val, y_val) = lines
        draws = (torch.randint(0, len(x), (B,), generator=chance) for _ in itertools.count())
        batches = ((x[rows], y[rows]) for rows in draws)

        def measure(model):
            logits = model(x_val)
            return p.cross_entropy(logits.reshape(-1, logits.shape[-1]), y_val.reshape(-1)).item()

        optimizer = p.AdamW(list(self.model.parameters()))
        warmup = steps // 10
        return p.train(
            self.model, optimizer, batches, lambda i: p.learning_rate(i, steps, peak, warmup, 0.1),
            measure, steps, every, max_norm=1,
        )  # fmt: skip

    @torch.no_grad()
    def write(self, prompt, max_new_tokens, chance):
        self.model.train(False)
        end = self.tokenizer.end_id
        ids = self.p.generate(
            self.model, [end, *self.tokenizer.encode(prompt)], max_new_tokens, self.T,
            lambda z: self.p.choose(z, torch.rand((1,), generator=chance)), end,
        )  # fmt: skip
        return self.tokenizer.decode(ids)


def changed(*pairs: tuple[str, str]) -> type:
    """The reference's own text with some things changed."""
    source = ex.Storyteller.solution_source()
    for old, new in pairs:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    scope: dict = {}
    exec(source, scope)
    return scope["Storyteller"]


RIGHT = {
    "other names and comprehensions": InOneBreath,
    "inference mode": changed(("torch.no_grad()", "torch.inference_mode()")),
    "rows by index_select": changed(
        ("yield x[rows], y[rows]", "yield x.index_select(0, rows), y.index_select(0, rows)")
    ),
    "the model stays evaluating": changed(
        ("        self.model.eval()\n", "        self.model = self.model.eval()\n")
    ),
    "the line is a tensor of pieces": changed(
        (
            "return self.parts.windows(torch.tensor(line), self.context_length)",
            "return self.parts.windows(torch.cat([torch.tensor([id]) for id in line]), self.context_length)",
        )
    ),
}


@pytest.mark.parametrize("name", list(RIGHT))
def test_other_right_ways_pass(name):
    feedback = ex.Storyteller.judge(RIGHT[name])
    assert feedback.right, feedback


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("parts.Tokenizer(texts)", "parts.Tokenizer(texts[:1] + texts)"),
        ("context_length, width, n_heads, n_layers)\n\n", "context_length, width, n_layers, n_heads)\n\n"),
        ("(batch_size,)", "(batch_size + 1,)"),
        ("steps // 10, 0.1", "steps // 10 + 1, 0.1"),
        ("steps // 10, 0.1", "every, 0.1"),
        ("steps, every, 1.0", "steps, steps, 1.0"),
        ("steps, every, 1.0", "every, steps, 1.0"),
        ("steps, every, 1.0", "steps, every, 0.5"),
        ("y_unseen.flatten()", "y_unseen.flatten() * 0"),
        ("torch.rand(1, generator=chance)", "torch.rand(1)"),
        ("generator=chance)\n                yield", "generator=torch.Generator())\n                yield"),
        ("begun, max_new_tokens, self", "begun, max_new_tokens - 1, self"),
        ("max_new_tokens, self.context_length", "max_new_tokens, 2 * self.context_length"),
    ],
)
def test_a_class_with_one_thing_wrong_is_refused(old, new):
    assert ex.Storyteller.judge(changed((old, new))).state is State.WRONG


def test_what_is_not_written_yet_is_told():
    class Untouched:
        def __init__(self, parts, texts, context_length, width, n_heads, n_layers):
            raise NotImplementedError

    class Made(InOneBreath):
        def learn(self, *given):
            raise NotImplementedError

    class Learning(InOneBreath):
        def write(self, *given):
            raise NotImplementedError

    assert ex.Storyteller.judge(Untouched).state is State.NOT_ATTEMPTED
    for begun in (Made, Learning):
        feedback = ex.Storyteller.judge(begun)
        assert feedback.state is State.WRONG and "not written yet" in feedback.message


def test_what_does_not_use_the_parts_is_told():
    class Nameless(InOneBreath):
        def __init__(self, *given):
            super().__init__(*given)
            self.gpt = self.__dict__.pop("model", None) or self._modules

    class Silent(InOneBreath):
        def write(self, prompt, max_new_tokens, chance):
            return prompt

    class Idle(InOneBreath):
        def learn(self, *given):
            return []

    assert "`self.model` has to be" in ex.Storyteller.judge(Nameless).message
    assert "has to use `parts.generate`" in ex.Storyteller.judge(Silent).message
    assert "has to use `parts.train`" in ex.Storyteller.judge(Idle).message


def test_a_function_is_no_class():
    assert "needs a class" in ex.Storyteller.judge(lambda *given: None).message


def test_the_call_is_shown_in_three_steps():
    feedback = ex.Storyteller.judge(changed(("self.model.eval()", "self.model.train()")))
    assert feedback.mistake and "training mode" in str(feedback)
    for words in (
        "teller = Storyteller(parts, texts, 4, 6, 2, 3)",
        "teller.learn(texts, unseen, 4, 2, 0.5, 2, chance)",
    ):
        assert words in str(feedback)
