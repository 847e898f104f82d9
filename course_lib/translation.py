"""Translation: a model of two languages learns to say a story again in the other one.

Pairs of texts (`course_lib.world.tasks`) become ids and targets in which only the translation counts; a model
translates by going on after a mark; its attention can be read as an alignment of words; and a dictionary
that is only counted stands beside it. The scores are in `course_lib.translation_scores`, the training is
`course_lib.training`. This module does not know what the model looks like inside.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from course_lib.attention import capture_attention
from course_lib.finetuning.examples import Example, complete, masked, pad_batch
from course_lib.generation import beam_search
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import Batch, device_of, mode
from course_lib.translation_scores import tokens_13a
from course_lib.world.corpus import TRAINING_SEEDS
from course_lib.world.simulation import WorldConfig
from course_lib.world.tasks import Pair, other, parallel

MARKS = {"en": "\n\n中文：", "zh": "\n\nEnglish:"}  # what follows a source in that language
TEST_SEEDS = 2_400_000_000  # from here on: worlds to be measured on


# What is read, and what is learned --------------------------------------------------------------------------


def prompt_text(source: str, language: str) -> str:
    """A text and the mark that asks for its translation; `language` is that of the text.

    Raises: ValueError for a language other than "en" and "zh".

    >>> prompt_text("Mia ran.", "en")
    'Mia ran.\\n\\n中文：'
    """
    if language not in MARKS:
        raise ValueError(f"The source's language is {language!r}; choose 'en' or 'zh'.")
    return source + MARKS[language]


def encode_source(tokenizer: Tokenizer, source: str, language: str) -> list[int]:
    """The ids that a translation follows: the end-of-text token, the text and the mark.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train(prompt_text("Hi.", "en"), ["<|endoftext|>"])
    >>> tokenizer.decode(encode_source(tokenizer, "Hi.", "en"))
    '<|endoftext|>Hi.\\n\\n中文：'
    """
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
    source = encode_source(tokenizer, pair.source, language)
    return masked([(source, False), ([*_target_ids(tokenizer, pair, language), tokenizer.end_id], True)])


def _target_ids(tokenizer: Tokenizer, pair: Pair, language: str) -> list[int]:
    return tokenizer.encode(pair.target if language == "en" else " " + pair.target)


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

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch; the chance is all in `generator`."""
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
    return [parallel(first + i, language, sentences, WorldConfig(cast=cast)) for i in range(n)]


test_pairs.__test__ = False  # pytest would take it for a test wherever it is imported


# Translating ------------------------------------------------------------------------------------------------


def translate(
    model: nn.Module,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    language: str,
    most: int = 330,
    batch_size: int = 32,
) -> list[str]:
    """Each text in the other language, by the likeliest token at every step; `language` is the texts' own.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("Hi.\\n\\n中文：你好。", ["<|endoftext|>"])
    >>> after = dict(zip("：你好。", tokenizer.encode("你好。") + [tokenizer.end_id]))
    >>> def model(ids):  # a model that knows one answer
    ...     nexts = [[after.get(tokenizer.decode([int(i)]), 0) for i in row] for row in ids]
    ...     return nn.functional.one_hot(torch.tensor(nexts), tokenizer.vocab_size).float()
    >>> translate(model, tokenizer, ["Hi."], "en")
    ['你好。']
    """
    prompts = [encode_source(tokenizer, text, language) for text in texts]
    found = complete(model, prompts, tokenizer.end_id, most, batch_size)
    return [tokenizer.decode(ids).strip() for ids in found]


def translate_beams(
    model: nn.Module,
    tokenizer: Tokenizer,
    text: str,
    language: str,
    num_beams: int = 4,
    length_penalty: float = 1.0,
    most: int = 330,
) -> list[tuple[str, float]]:
    """What `generation.beam_search` finds: translations, each with its score, the best first.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("Hi.\\n\\n中文：", ["<|endoftext|>"])
    >>> def model(ids):  # a model that has nothing to say
    ...     nexts = torch.full(ids.shape, tokenizer.end_id)
    ...     return 50.0 * nn.functional.one_hot(nexts, tokenizer.vocab_size)
    >>> translate_beams(model, tokenizer, "Hi.", "en", num_beams=1)
    [('', 0.0)]
    """
    prompt = encode_source(tokenizer, text, language)
    beams = beam_search(
        model, prompt, num_beams, most, stop_tokens=tokenizer.end_id, length_penalty=length_penalty
    )
    end = tokenizer.end_id
    return [(tokenizer.decode([i for i in beam.new_ids if i != end]).strip(), beam.score) for beam in beams]


# Alignment --------------------------------------------------------------------------------------------------


def alignment(
    model: nn.Module, tokenizer: Tokenizer, pair: Pair, language: str, layer: int, head: int
) -> torch.Tensor:
    """Where a head looks in the source while the model predicts each token of the right translation.

    A target token is predicted at the place before it, so its row is that place's. The columns are the
    source's tokens alone, without the end-of-text token and the mark: a row sums to 1 at most.

    Shapes: (T_target, S_source), for the tokens of `aligned_tokens`.
    Raises: ValueError for a layer or head that the model does not have.

    >>> from course_lib.config import GPTConfig
    >>> from course_lib.model import GPT
    >>> from course_lib.tokens import CharTokenizer
    >>> pair = Pair("Hi.", "你好", events=())
    >>> tokenizer = CharTokenizer.train(prompt_text("Hi.", "en") + pair.target, ["<|endoftext|>"])
    >>> config = GPTConfig(vocab_size=tokenizer.vocab_size, context_length=16, n_heads=2, width=6)
    >>> alignment(GPT(config), tokenizer, pair, "en", layer=0, head=1).shape
    torch.Size([2, 3])
    """
    found = alignments(model, tokenizer, pair, language)
    layers, heads = found.shape[:2]
    if not (0 <= layer < layers and 0 <= head < heads):
        raise ValueError(
            f"alignment got layer={layer}, head={head}; this model has layers 0 to {layers - 1} and "
            f"heads 0 to {heads - 1}."
        )
    return found[layer, head]


def alignments(model: nn.Module, tokenizer: Tokenizer, pair: Pair, language: str) -> torch.Tensor:
    """The `alignment` of every head at once, by one run of the model.

    Shapes: (L, H, T_target, S_source).

    >>> from course_lib.config import GPTConfig
    >>> from course_lib.model import GPT
    >>> from course_lib.tokens import CharTokenizer
    >>> pair = Pair("Hi.", "你好", events=())
    >>> tokenizer = CharTokenizer.train(prompt_text("Hi.", "en") + pair.target, ["<|endoftext|>"])
    >>> config = GPTConfig(vocab_size=tokenizer.vocab_size, context_length=16, n_layers=5, n_heads=2, width=6)
    >>> alignments(GPT(config), tokenizer, pair, "en").shape
    torch.Size([5, 2, 2, 3])
    """
    prompt = encode_source(tokenizer, pair.source, language)
    target = _target_ids(tokenizer, pair, language)
    ids = torch.tensor([[*prompt, *target]], device=device_of(model))
    with torch.inference_mode(), mode(model, training=False), capture_attention(model) as maps:
        model(ids)
    S = len(prompt) - 1 - len(tokenizer.encode(MARKS[language]))
    rows = slice(len(prompt) - 1, len(prompt) - 1 + len(target))
    return torch.stack([attn[0, :, rows, 1 : 1 + S] for attn in maps])


def aligned_tokens(tokenizer: Tokenizer, pair: Pair, language: str) -> tuple[list[str], list[str]]:
    """The target's and the source's tokens as texts: the names of an alignment's rows and columns.

    A token may be only some bytes of a Chinese character; its name is the whole character then.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train(prompt_text("Hi.", "en") + "你好")
    >>> aligned_tokens(tokenizer, Pair("Hi.", "你好", events=()), "en")
    (['你', '好'], ['H', 'i', '.'])
    """
    sides = (_target_ids(tokenizer, pair, language), tokenizer.encode(pair.source))
    target, source = (_names(tokenizer, ids) for ids in sides)
    return target, source


def _names(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """For each token the characters that its bytes belong to."""
    text = tokenizer.decode(ids)
    owners = [i for i, character in enumerate(text) for _ in character.encode()]  # one for each byte
    names, start = [], 0
    for id in ids:
        size = len(tokenizer.token_bytes(id))
        names.append(text[owners[start] : owners[start + size - 1] + 1])
        start += size
    return names


# A dictionary, counted --------------------------------------------------------------------------------------


def word_table(
    pairs: Iterable[Pair], language: str, least: int = 3, longest: int = 4
) -> dict[str, tuple[str, float]]:
    """A dictionary: for each piece of the source's language the one that fits it best, and how well (0 to 1).

    English pieces are words; Chinese ones are up to `longest` characters in a row, since nothing says where
    a word ends. How well two go together is Dice's coefficient, 2 · together / (one + the other), counted in
    pairs of texts; of equally good pieces the longest is taken. Rarer ones than `least` are left out. Short
    texts teach it most: `parallel(seed, language, sentences=1)`.

    Source: Dice 1945 (doi:10.2307/1932409); for translation Smadja and others 1996
    (aclanthology.org/J96-1001).

    >>> both = {"Mia ran.": "米娅跑了。", "Tom ran.": "汤姆跑了。", "Tom!": "汤姆！"}
    >>> table = word_table([Pair(*texts, events=()) for texts in both.items()], "en", least=1)
    >>> table["Tom"], table["ran"]
    (('汤姆', 1.0), ('跑了', 1.0))
    """
    seen = [
        (_pieces(p.source, language, longest), _pieces(p.target, other(language), longest)) for p in pairs
    ]
    ours = Counter(piece for source, _ in seen for piece in source)
    theirs = Counter(piece for _, target in seen for piece in target)
    together = Counter(
        (s, t)
        for source, target in seen
        for s in source
        if ours[s] >= least
        for t in target
        if theirs[t] >= least
    )
    best: dict[str, tuple[float, int, str]] = {}
    for (s, t), count in together.items():
        found = (2 * count / (ours[s] + theirs[t]), len(t), t)
        best[s] = max(best.get(s, found), found)
    return {s: (t, dice) for s, (dice, _, t) in best.items()}


def word_for_word(text: str, language: str, table: Mapping[str, tuple[str, float]]) -> str:
    """A translation by looking up piece after piece; what is not in the table is left out.

    In Chinese the piece that goes best with something is taken at each place, the longest of equal ones.

    >>> word_for_word("米娅跑了", "zh", {"米娅": ("Mia", 1.0), "跑": ("ran", 0.5), "跑了": ("ran", 0.9)})
    'Mia ran'
    """
    if language == "en":
        return "".join(table[word][0] for word in tokens_13a(text) if word in table)
    words, place = [], 0
    longest = max(map(len, table), default=1)
    while place < len(text):
        pieces = [text[place : place + n] for n in range(1, longest + 1)]
        known = [piece for piece in pieces if piece in table]
        best = max(known, key=lambda piece: (table[piece][1], len(piece)), default=None)
        words += [table[best][0]] if best else []
        place += len(best or " ")
    return re.sub(r" ([.,!?])", r"\1", " ".join(words))


def _pieces(text: str, language: str, longest: int) -> set[str]:
    """The different pieces that may be translated as one."""
    if language == "en":
        return set(tokens_13a(text))
    runs = re.findall(r"\w+|[^\w\s]", text)  # no word goes across a punctuation mark
    return {run[i : i + n] for run in runs for n in range(1, longest + 1) for i in range(len(run) - n + 1)}
