"""The course's corpus: documents of the little world by seed, the bundled files, and the entropy floor.

`python -m course_lib.world.corpus` writes `data/world/`; the same program gives the same bytes on every machine.
Each part of the corpus has its own range of seeds and its own cast, so that nothing in validation, in the held-out
worlds or among the strangers is ever trained on. `fresh` gives as many further training documents as one likes.
"""

import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from course_lib.files import as_path, read_whole
from course_lib.runtime import atomic_write, data_dir
from course_lib.world import arguments
from course_lib.world.documents import document
from course_lib.world.oracle import explain
from course_lib.world.simulation import WorldConfig
from course_lib.world.telling import LANGUAGES

SEPARATOR = "<|endoftext|>"


@dataclass(frozen=True)
class Part:
    """One part of the corpus: which seeds, which cast, and how many bytes of each language are bundled."""

    first_seed: int
    cast: str
    bytes: int


TRAINING_SEEDS = 1_000_000_000  # below this: worlds to learn from
PARTS = {
    "train": Part(0, "everyday", 2_000_000),
    "validation": Part(TRAINING_SEEDS, "everyday", 120_000),
    "heldout": Part(2_000_000_000, "heldout", 120_000),
    "strangers": Part(3_000_000_000, "strangers", 60_000),
}
CHINESE_SEEDS = 500_000_000  # the two languages tell different stories, so neither part translates the other


def fresh(language: str, part: str = "train", skip: int = 0) -> Iterator[str]:
    """The documents of a part in order, without end: the bundled ones first, then ones no file holds.

    >>> next(fresh("en")) == next(fresh("en"))
    True
    """
    arguments.language(language)
    chosen = PARTS[arguments.one_of("part", part, PARTS)]
    config = WorldConfig(cast=chosen.cast)
    start = chosen.first_seed + (CHINESE_SEEDS if language == "zh" else 0) + arguments.whole("skip", skip)
    return (document(seed, language, config).text for seed in itertools.count(start))


def bundled(language: str, part: str) -> list[str]:
    """The documents of a part that are bundled: as many as fit in its number of bytes."""
    documents, size = [], 0
    for text in fresh(language, part):
        size += len(text.encode()) + len(SEPARATOR) + 2
        if size > PARTS[part].bytes:
            return documents
        documents.append(text)
    raise AssertionError("fresh() never ends")


def as_file(documents: Iterable[str]) -> str:
    """The text of a corpus file: each document followed by a line that holds only the end-of-text mark.

    >>> as_file(["One.", "Two."])
    'One.\\n<|endoftext|>\\nTwo.\\n<|endoftext|>\\n'
    """
    return "".join(f"{text}\n{SEPARATOR}\n" for text in arguments.texts(documents))


@dataclass(frozen=True)
class Floor:
    """An entropy estimate over documents: mean nats per document with its 95 % interval, and per character.

    The mean of -log p(document) under the world. It estimates the world's entropy, and no model's expected loss can be
    lower: for any q, E[-log q] = E[-log p] + KL(p || q), and the divergence is never negative (Cover and Thomas 2006,
    section 2.6).
    """

    documents: int
    nats_per_document: float
    half_interval: float
    nats_per_character: float

    @classmethod
    def of(cls, nats: list[float], characters: int) -> "Floor":
        """The floor from the exact nats of some documents with so many characters in all.

        >>> Floor.of([40.0, 44.0], characters=420).nats_per_character
        0.2
        """
        if not nats or characters < 1:
            raise ValueError(
                f"got {len(nats)} documents with {characters} characters, needed at least one of each"
            )
        mean = math.fsum(nats) / len(nats)
        variance = math.fsum((value - mean) ** 2 for value in nats) / max(1, len(nats) - 1)
        half = 1.96 * math.sqrt(variance / len(nats))
        return cls(len(nats), mean, half, math.fsum(nats) / characters)


def stated_floor(part: str = "validation", language: str = "en", folder: Path | None = None) -> Floor:
    """The floor of a bundled file, as `data/world/statistics.json` states it.

    >>> 20 < stated_floor("validation", "en").nats_per_document < 80
    True
    """
    arguments.language(language)
    measured = [name for name in PARTS if name != "train"]  # which is drawn from the same world as validation
    arguments.one_of("part", part, measured)
    path = (as_path(folder) if folder else data_dir() / "world") / "statistics.json"
    content = read_whole(path, "it is part of the course, and 'git restore data' brings it back")
    try:
        return Floor(**json.loads(content)[f"{part}.{language}"]["floor"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{path} is damaged; 'git restore data' brings it back.") from None


def floor_per_token(
    encode: Callable[[str], list], documents: Iterable[str] | None = None, part: str = "validation"
) -> float:
    """The floor in nats per token, for a tokenizer, over both languages in equal numbers of documents.

    A document's nats are spread over its tokens and the token that ends it. What it takes to guess the language of the
    next document is left out, so that the floor holds however the two are mixed. `documents`: the part's own documents
    of both languages, to save making them.

    >>> by_characters, by_bytes = floor_per_token(list), floor_per_token(lambda text: list(text.encode()))
    >>> by_bytes < by_characters  # the same nats over more, smaller tokens
    True
    """
    if not callable(encode):
        raise ValueError(f"encode is a {type(encode).__name__}, but it must be a function, such as list")
    if documents is not None and not (documents := arguments.texts(documents)):
        raise ValueError(
            "there are no documents to measure on: give at least one, or None for the part's own"
        )
    nats = sum(stated_floor(part, language).nats_per_document for language in LANGUAGES) / len(LANGUAGES)
    if documents is None:
        documents = [text for language in LANGUAGES for text in bundled(language, part)]
    lengths = [len(encode(text)) + 1 for text in documents]
    return nats / (sum(lengths) / len(lengths))


def exact_nats(text: str, language: str, cast: str = "everyday") -> float:
    """-log of the exact probability of a document, in nats.

    Raises: ValueError if the world cannot tell this text.

    >>> 0 < exact_nats(next(fresh("en")), "en") < 200
    True
    """
    found = explain(arguments.text(text), language, WorldConfig(cast=cast))
    if found.nats is None:
        raise ValueError(
            f"the little world cannot tell this text: it agrees up to character {found.reached} of {len(text)}"
        )
    return found.nats


def statistics(documents: list[str], language: str, cast: str) -> dict:
    """What `data/world/statistics.json` says of one file."""
    floor = Floor.of([exact_nats(text, language, cast) for text in documents], sum(map(len, documents)))
    return {
        "bytes": len(as_file(documents).encode()),
        "characters": sum(map(len, documents)),
        "floor": asdict(floor),
    }


def readme_table(report: dict) -> str:
    """The table of `data/README.md`, from what `statistics.json` says."""
    rows = [
        "| file | documents | bytes | floor, nats per document | floor, nats per character |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, entry in report.items():
        floor = entry.get("floor")
        exact = (
            f"{floor['nats_per_document']:.1f} ± {floor['half_interval']:.1f} | {floor['nats_per_character']:.3f}"
            if floor
            else "as validation | as validation"
        )
        rows.append(f"| `{name}.txt` | {entry['documents']:,} | {entry['bytes']:,} | {exact} |")
    return "\n".join(rows)


def build(folder: Path) -> None:
    """Write all corpus files and their statistics into `folder`, and the table of the README beside it.

    The floor of the training part is not computed: it is drawn from the same world as validation.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report: dict = {}
    for part, language in itertools.product(PARTS, LANGUAGES):
        documents = bundled(language, part)
        with atomic_write(folder / f"{part}.{language}.txt", "w") as file:
            file.write(as_file(documents))
        summary = {"documents": len(documents), "bytes": len(as_file(documents).encode())}
        if part != "train":
            summary |= statistics(documents, language, PARTS[part].cast)
        report[f"{part}.{language}"] = summary
    with atomic_write(folder / "statistics.json", "w") as file:
        file.write(json.dumps(report, indent=1) + "\n")
    readme = folder.parent / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition("<!-- statistics -->\n")
    after = rest.partition("<!-- /statistics -->")[2]
    table = f"<!-- statistics -->\n{readme_table(report)}\n<!-- /statistics -->"
    with atomic_write(readme, "w") as file:
        file.write(before + table + after)


if __name__ == "__main__":
    build(Path(__file__).resolve().parents[2] / "data" / "world")
