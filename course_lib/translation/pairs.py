"""Pairs of texts as examples: what is read, and what is learned.

The pairs come from `course_lib.world.tasks`. It does not know models.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch

from course_lib.arguments import check_instance, check_tokenizer, choice, number, shown, whole, wrong
from course_lib.finetuning.examples import Example, masked, pad_batch
from course_lib.runtime import check_generator
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import Batch
from course_lib.world.corpus import TRAINING_SEEDS
from course_lib.world.simulation import WorldConfig
from course_lib.world.tasks import Pair, parallel

MARKS = {"en": "\n\n中文：", "zh": "\n\nEnglish:"}  # what follows a source in that language
TEST_SEEDS = 2_400_000_000  # from here on: worlds to be measured on


def prompt_text(source: str, language: str) -> str:
    """A text and the mark that asks for its translation; `language` is that of the text.

    Raises: ValueError for a language other than "en" and "zh".

    >>> prompt_text("Mia ran.", "en")
    'Mia ran.\\n\\n中文：'
    """
    _check_language(language)
    check_instance("prompt_text", "source", source, str, "a text, one str")
    return source + MARKS[language]


def encode_source(tokenizer: Tokenizer, source: str, language: str) -> list[int]:
    """The ids that a translation follows: the end-of-text token, the text and the mark.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train(prompt_text("Hi.", "en"), ["<|endoftext|>"])
    >>> tokenizer.decode(encode_source(tokenizer, "Hi.", "en"))
    '<|endoftext|>Hi.\\n\\n中文：'
    """
    check_tokenizer("encode_source", tokenizer)
    return [tokenizer.end_id, *tokenizer.encode(prompt_text(source, language))]


def encode_pair(tokenizer: Tokenizer, pair: Pair, language: str) -> Example:
    """Source and target in a row, and what counts: the target and the end-of-text token that closes it.

    `language` is that of the source. An English target begins with a space, as words inside a text do.

    >>> from course_lib.tokens import CharTokenizer
    >>> pair = Pair("米娅跑了。", "Mia ran.", events=())
    >>> tokenizer = CharTokenizer.train(pair.source + MARKS["zh"] + " " + pair.target, ["<|endoftext|>"])
    >>> ids, targets = encode_pair(tokenizer, pair, "zh")
    >>> tokenizer.decode([target for target in targets if target != -100])
    ' Mia ran.<|endoftext|>'
    """
    check_pair("encode_pair", pair)
    source = encode_source(tokenizer, pair.source, language)
    return masked([(source, False), ([*target_ids(tokenizer, pair, language), tokenizer.end_id], True)])


def target_ids(tokenizer: Tokenizer, pair: Pair, language: str) -> list[int]:
    """The ids of a pair's target, an English one with a space before it; `language` is that of the source.

    >>> from course_lib.tokens import CharTokenizer
    >>> pair = Pair("米娅", "Mia", events=())
    >>> target_ids(CharTokenizer.train(" Mia"), pair, "zh")  # space = 0, M = 1, a = 2, i = 3
    [0, 1, 3, 2]
    """
    _check_language(language)
    check_pair("target_ids", pair)
    check_tokenizer("target_ids", tokenizer)
    return tokenizer.encode(pair.target if language == "en" else " " + pair.target)


def _check_language(language: object) -> None:
    if not isinstance(language, str) or language not in MARKS:
        raise ValueError(f"The source's language is {shown(language)}; choose 'en' or 'zh'.")


def check_pair(owner: str, pair: object) -> None:
    """Raises ValueError unless this is a source and its target, as `test_pairs` gives them.

    >>> check_pair("encode_pair", ("Mia", "米娅"))
    Traceback (most recent call last):
    ValueError: encode_pair got pair=('Mia', '米娅'); it must be a Pair, such as test_pairs(1, "en")[0].
    """
    if not isinstance(pair, Pair):
        raise wrong(owner, "pair", pair, 'a Pair, such as test_pairs(1, "en")[0]')


@dataclass(frozen=True)
class PairBatches:
    """Batches of fresh pairs in both directions by turns, for `training.train`.

    With the chance `part` a batch holds three times as many short pieces, of one to `sentences` sentences, in
    place of whole stories: short ones are learned first. Examples are cut to `longest` tokens.

    >>> PairBatches(tokenizer=None, batch_size=3, part=0.0).longest
    480
    """

    tokenizer: Tokenizer | None
    batch_size: int = 8
    part: float = 0.5
    sentences: int = 4
    longest: int = 480

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("sentences", 1), ("longest", 2)):
            object.__setattr__(self, name, whole("PairBatches", name, getattr(self, name), least))
        share = number("PairBatches", "part", self.part, "a share from 0 to 1", lambda x: 0 <= x <= 1)
        object.__setattr__(self, "part", share)

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch; the chance is all in `generator`."""
        check_tokenizer("PairBatches", self.tokenizer)
        check_generator("PairBatches", generator)
        seeds = torch.randint(TRAINING_SEEDS, (self.batch_size,), generator=generator).tolist()
        sentences = None
        if float(torch.rand((), generator=generator)) < self.part:
            draw = random.Random(seeds[0])
            sentences = draw.randint(1, self.sentences)
            seeds = [draw.randrange(TRAINING_SEEDS) for _ in range(3 * self.batch_size)]
        rows = [self._example(seed, ("en", "zh")[i % 2], sentences) for i, seed in enumerate(seeds)]
        return pad_batch(rows, self.tokenizer.end_id, self.longest)

    def _example(self, seed: int, language: str, sentences: int | None) -> Example:
        return encode_pair(self.tokenizer, parallel(seed, language, sentences), language)


def test_pairs(
    n: int, language: str, sentences: int | None = None, cast: str = "heldout", first: int = TEST_SEEDS
) -> list[Pair]:
    """Stories with their translations from worlds that no training has seen; the same at every call.

    `language` is that of the source, `sentences` how many of them (None: the whole story), `cast` the world's
    (`WorldConfig`), `first` the first story's seed.

    >>> test_pairs(1, "en")[0].target == test_pairs(1, "en")[0].target
    True
    """
    n, first = whole("test_pairs", "n", n), whole("test_pairs", "first", first, 0)
    choice("test_pairs", "language", language, MARKS)
    sentences = None if sentences is None else whole("test_pairs", "sentences", sentences)
    return [parallel(first + i, language, sentences, WorldConfig(cast=cast)) for i in range(n)]


test_pairs.__test__ = False  # pytest would take it for a test wherever it is imported
