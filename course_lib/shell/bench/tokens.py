"""Byte-pair encoding, ours beside the first-course version and beside `tokenizers`, which is written in Rust.

Training is measured in seconds, encoding in megabytes a second. The first-course version would take many
minutes, so it is measured at some merges along the way, and the time for all of them is estimated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from course_lib.shell.bench.measure import Times, interleave
from course_lib.shell.bench.options import Options, read_text
from course_lib.shell.bench.peers import PROBE
from course_lib.shell.bench.report import Row, Section, Spread
from course_lib.tokens import BPETokenizer, naive_bpe
from course_lib.tokens.bpe import WALL

VOCABULARIES = (512, 4096)
NAIVE_START = 4  # merges that the naive trainer really does, to be compared with ours
NAIVE_POINTS = (0, 4, 16, 64, 128, 255, 512, 1024, 2048)  # merges after which the time for one is taken
NAIVE_SLICE = 30_000  # characters that the naive encoder is given
DOCUMENT = 4_000  # characters; encoding is measured document by document
PATIENCE = 60.0  # seconds
Merges = list[tuple[bytes, bytes]]


def run(options: Options, vocabularies: tuple[int, ...] = VOCABULARIES) -> Section:
    """Measure training at each vocabulary, and encoding with the largest."""
    text, what = read_text(options)
    size = len(text.encode())
    notes = [f"Text: {what}, {size / 1e6:.2f} MB. Training in seconds, encoding in MB per second."]
    notes.append(
        f"Encoding goes over documents of {DOCUMENT:,} characters, for tokenizers in one batch, which is its "
        "fastest way; it may use all cores. The threads of torch play no part here."
    )
    rows: list[Row] = []
    tokenizer = BPETokenizer([])
    for vocab_size in vocabularies:
        training, tokenizer, checks = _train(text, vocab_size, options)
        rows += training
        notes += checks
    encoding, check = _encode(text, tokenizer, options)
    return Section("tokens", "Tokens", "s or MB/s", (*rows, *encoding), (*notes, check))


# Training -----------------------------------------------------------------------------------------


def _train(text: str, vocab_size: int, options: Options) -> tuple[list[Row], BPETokenizer, list[str]]:
    """Rows, our tokenizer, and what the checks found."""
    made: dict[str, Any] = {}
    trainers: dict[str, Callable[[str, int], Any]] = {"ours": train_ours, "tokenizers (Rust)": train_rust}
    trainers |= {peer.name: peer.build(PROBE) for peer in options.peers_for("train_bpe")}

    def training(name: str) -> Callable[[], None]:
        return lambda: made.update({name: trainers[name](text, vocab_size)})

    actions = {name: training(name) for name in trainers}
    times = interleave(actions, options.pick(5, 1), options.pick(1, 0), PATIENCE, progress=options.progress)
    setting = f"train to {vocab_size}"
    rows = _rows(setting, times)
    tokenizer = made["ours"]
    options.progress("the naive trainer")
    seconds, right = naive_training(text, tokenizer.merges)
    ours = times.seconds("ours")
    rows.append(Row(setting, "naive, estimated", Spread.of([seconds]), ours.map(lambda s: s / seconds)))
    checks = [f"{setting}: the first merges of the naive trainer are {'' if right else 'NOT '}ours."]
    for peer in options.peers_for("train_bpe"):
        same = common_start(made[peer.name], tokenizer.merges)
        checks.append(f"{setting}: {peer.name} {same}.")
    return rows, tokenizer, checks


def _rows(setting: str, times: Times) -> list[Row]:
    return [
        Row(setting, name, times.seconds(name), None if name == "ours" else times.ratio("ours", name))
        for name in times.rounds
    ]


def train_ours(text: str, vocab_size: int) -> BPETokenizer:
    """Our trainer, without special tokens."""
    return BPETokenizer.train(text, vocab_size, special_tokens=())


def train_rust(text: str, vocab_size: int) -> Any:
    """The trainer of `tokenizers`, with GPT-2's way to cut text; it breaks ties in another way than ours."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def naive_training(
    text: str, merges: Merges, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, bool]:
    """How long the naive trainer would take for as many merges, and whether its first ones are the same.

    One merge is timed at several states of the text, made with our merges, and the times between are taken
    to lie on straight lines. Units: seconds.

    >>> ticks = iter([0, 2, 2, 4, 4, 6])  # every merge takes two seconds
    >>> naive_training("hug pug hugs", [(b"u", b"g"), (b"h", b"ug")], clock=lambda: next(ticks))
    (4.0, True)
    """
    pieces = [piece.encode() for piece in BPETokenizer([]).pre_tokens(text)]
    points = [point for point in NAIVE_POINTS if point < len(merges)] + [len(merges)]
    seconds = []
    for point in points:
        ids = flat_ids(text, merges[:point])
        began = clock()
        _one_naive_merge(ids)
        seconds.append(clock() - began)
    spans = zip(pairwise(points), pairwise(seconds), strict=True)
    total = sum((end - start) * (early + late) / 2 for (start, end), (early, late) in spans)
    start = merges[:NAIVE_START]
    return total, naive_bpe.learn_merges_naively(pieces, len(start)) == start


def flat_ids(text: str, merges: Merges) -> list[int]:
    """The text as the naive trainer sees it after some merges: all ids in a line, walls between the pieces.

    >>> flat_ids("hug it", [(b"u", b"g")])
    [71, 256, -1, 220, 72, 83, -1]
    """
    tokenizer = BPETokenizer(merges, special_tokens=())
    return [id for piece in tokenizer.pre_tokens(text) for id in (*tokenizer.encode(piece), WALL)]


def _one_naive_merge(ids: Sequence[int]) -> None:
    """What `learn_merges_naively` does for each of its merges."""
    counts = naive_bpe.count_pairs(ids)
    if counts:
        naive_bpe.merge_pair(ids, max(counts, key=lambda pair: (counts[pair], pair)), max(ids) + 1)


def common_start(trained: Any, merges: Merges) -> str:
    """How far a peer's merges are ours, in words.

    >>> common_start([(b"u", b"g"), (b"h", b"u")], [(b"u", b"g"), (b"h", b"ug")])
    'has the first 1 of 2 merges as ours'
    """
    found = as_bytes(trained)
    if found is None:
        return "gives no merges that could be compared with ours"
    same = next((i for i, (a, b) in enumerate(zip(found, merges, strict=False)) if a != b), len(merges))
    return f"has the first {min(same, len(found))} of {len(merges)} merges as ours"


def as_bytes(trained: Any) -> Merges | None:
    """A peer's merges as pairs of byte strings: given so, or as pairs of ids where 256 + i is what merge i
    made; None if it is something else.

    >>> as_bytes({(117, 103): 256, (104, 256): 257})
    [(b'u', b'g'), (b'h', b'ug')]
    """
    merges = getattr(trained, "merges", trained)
    if not isinstance(merges, dict | list | tuple):
        return None
    tokens, made = [bytes([byte]) for byte in range(256)], []
    for pair in merges:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            return None
        if all(isinstance(part, int) and 0 <= part < len(tokens) for part in pair):
            pair = tuple(tokens[part] for part in pair)
        if not all(isinstance(part, bytes) for part in pair):
            return None
        made.append((pair[0], pair[1]))
        tokens.append(pair[0] + pair[1])
    return made


# Encoding -----------------------------------------------------------------------------------------


def _encode(text: str, tokenizer: BPETokenizer, options: Options) -> tuple[list[Row], str]:
    """Rows, and whether all give the same ids."""
    from course_lib.interop import to_tokenizers

    rust, merges, rounds = to_tokenizers(tokenizer), tokenizer.merges, options.pick(7, 2)
    part, documents = text[:NAIVE_SLICE], [text[i : i + DOCUMENT] for i in range(0, len(text), DOCUMENT)]
    pieces = [piece.encode() for piece in tokenizer.pre_tokens(part)]
    fresh = [BPETokenizer(merges, special_tokens=()) for _ in range(rounds + 1)]  # made outside the clock

    def ours(tokenizer: BPETokenizer) -> list[list[int]]:
        return [tokenizer.encode(document) for document in documents]

    actions = {
        "ours": lambda: ours(tokenizer),
        "ours, no cache yet": lambda: ours(fresh.pop()),
        "tokenizers (Rust)": lambda: [found.ids for found in rust.encode_batch_fast(documents)],
        "naive": lambda: naive_bpe.encode_naively(pieces, merges),
    }
    times = interleave(actions, rounds, progress=options.progress)
    same = tokenizer.encode(part) == naive_bpe.encode_naively(pieces, merges)
    same = same and actions["tokenizers (Rust)"]() == ours(tokenizer)
    check = f"Encoding: ours, tokenizers and naive give {'the same' if same else 'DIFFERENT'} ids."
    sizes = {name: len(text.encode()) for name in actions} | {"naive": len(part.encode())}
    return _speed_rows(f"encode with {tokenizer.vocab_size}", times, sizes), check


def _speed_rows(setting: str, times: Times, sizes: dict[str, int]) -> list[Row]:
    """Megabytes a second, and ratios of the time for the same text."""
    rows = []
    for name, size in sizes.items():
        speed = times.seconds(name).map(lambda seconds, size=size: size / 1e6 / seconds)
        share = size / sizes["ours"]
        ratio = times.ratio("ours", name).map(lambda ratio, share=share: ratio * share)
        rows.append(Row(setting, name, speed, None if name == "ours" else ratio))
    return rows
