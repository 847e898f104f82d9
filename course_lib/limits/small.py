"""A small GPT whose tokens are whole words: trained in seconds, asked by the probability of its next word.

It does not know what its sentences are about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import text_list, whole
from course_lib.config import GPTConfig
from course_lib.finetuning import masked, pad_batch
from course_lib.model import GPT
from course_lib.runtime import seed as seeded
from course_lib.training import TrainConfig, make_muon, train
from course_lib.training.evaluation import mode

END = "<end>"
CONTEXT = 16  # the most words of a sentence, with the marks at its ends


@dataclass(frozen=True)
class Words:
    """A vocabulary of words, which are parted by spaces; the end mark is number 0.

    >>> words = Words.of(["the cat sat", "the dog"])
    >>> words.encode("the dog"), words.words[3]
    ([4, 2], 'sat')
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, sentences: Iterable[str]) -> Words:
        """All words of some sentences, in the order of the alphabet."""
        found = {word for sentence in text_list("Words.of", sentences) for word in sentence.split()}
        return cls((END, *sorted(found)))

    def encode(self, text: str) -> list[int]:
        """The words' numbers.

        Raises: ValueError for a word that is not in the vocabulary.
        """
        place = {word: i for i, word in enumerate(self.words)}
        if unknown := [word for word in text.split() if word not in place]:
            raise ValueError(f"Words.encode got {unknown[0]!r}, which is not one of its {len(place)} words.")
        return [place[word] for word in text.split()]


def learned(
    sentences: Sequence[str], words: Words, steps: int = 150, seed: int = 0, width: int = 32, batch: int = 64
) -> GPT:
    """A small GPT that has read sentences, `batch` of them drawn at random at each step.

    The seed decides its first weights and what it reads when.

    >>> words = Words.of(["a b", "c"])
    >>> float(chances(learned(["a b"], words, steps=80, width=8), words, ["a"])[0, 2]) > 0.5
    True
    """
    steps, batch = whole("learned", "steps", steps), whole("learned", "batch", batch)
    rows = [[0, *words.encode(sentence), 0] for sentence in text_list("learned", sentences)]
    if not rows:
        raise ValueError("learned got no sentences; give at least one.")
    examples = [masked([(row[:1], False), (row[1:], True)]) for row in rows]
    x, y = pad_batch(examples, 0)
    config = GPTConfig(len(words.words), CONTEXT, n_layers=1, n_heads=2, width=width)
    model = GPT(config, generator=seeded(seed))

    def drawn(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.randint(len(rows), (batch,), generator=generator)
        return x[chosen], y[chosen]

    recipe = TrainConfig(steps=steps, lr=0.05, matrix_lr=0.05, weight_decay=0.0, seed=seed, log_every=steps)
    train(model, drawn, recipe, optimizer=make_muon)
    return model.eval()


@torch.inference_mode()
def sentence_nats(model: nn.Module, words: Words, sentences: Sequence[str]) -> torch.Tensor:
    """The surprise at each whole sentence, its end included.

    Shapes: (N,) for N sentences. Units: nats.

    >>> words = Words.of(["a b"])
    >>> surprise = sentence_nats(lambda ids: torch.zeros(*ids.shape, 3), words, ["a", "a b"])
    >>> (surprise / torch.tensor(3.0).log()).tolist()
    [2.0, 3.0]
    """
    rows = [[0, *words.encode(sentence), 0] for sentence in text_list("sentence_nats", sentences)]
    if not rows:
        raise ValueError("sentence_nats got no sentences; give at least one.")
    x, y = pad_batch([masked([(row[:1], False), (row[1:], True)]) for row in rows], 0)
    with mode(model, training=False):
        return F.cross_entropy(model(x).transpose(1, 2), y, reduction="none").sum(-1)


@torch.inference_mode()
def chances(model: nn.Module, words: Words, starts: Sequence[str]) -> torch.Tensor:
    """The probability of each word after each start of a sentence.

    Shapes: (N, V) for N starts and V words.

    >>> chances(lambda ids: torch.zeros(*ids.shape, 4), Words.of(["a b c"]), ["a", "a b"])[1].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    rows = [[0, *words.encode(start)] for start in text_list("chances", starts)]
    if not rows:
        raise ValueError("chances got no starts of sentences; give at least one.")
    x = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for i, row in enumerate(rows):
        x[i, : len(row)] = torch.tensor(row)
    with mode(model, training=False):
        logits = model(x)
    return logits[torch.arange(len(rows)), [len(row) - 1 for row in rows]].softmax(-1)


def share_of(model: nn.Module, words: Words, starts: Sequence[str], first: str, second: str) -> float:
    """Of the probability that two words have after each start, the share of the first one, on average.

    >>> share_of(lambda ids: torch.zeros(*ids.shape, 4), Words.of(["a b c"]), ["a"], "b", "c")
    0.5
    """
    both = chances(model, words, starts)[:, words.encode(f"{first} {second}")]
    return float((both[:, 0] / both.sum(-1)).mean())
