"""The texts to train on: the bundled little world, a file of your own, Python's documentation, two public
corpora.

`load_corpus` gives every text in one form: documents, split into training and validation. This module does
not know tokens or models. Downloading is `course_lib.data.download`; recognising what a file holds is
`course_lib.data.text_files`.
"""

from __future__ import annotations

import difflib
import os
import platform
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.arguments import check_instance, shown
from course_lib.data.download import DownloadError, RemoteFile, fetch
from course_lib.data.text_files import decode_text, html_page
from course_lib.files import as_path, read_whole
from course_lib.runtime import atomic_write, cache_dir, data_dir

END_OF_TEXT = "<|endoftext|>"  # ends a document; the name is GPT-2's
# A line of its own, in which spaces at the ends are not seen and do not count.
_SEPARATOR = re.compile(rf"^[^\S\n]*{re.escape(END_OF_TEXT)}[^\S\n]*$", re.MULTILINE)
LONGEST_NAME = 300  # characters; what is longer is a text, and not the name of a file
VALIDATION_EVERY = 10  # every tenth document, or the last tenth of one long text

TINY_SHAKESPEARE = RemoteFile(
    name="tinyshakespeare.txt",
    urls=(
        "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
        "/data/tinyshakespeare/input.txt",
        "https://cdn.jsdelivr.net/gh/karpathy/char-rnn@6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
        "/data/tinyshakespeare/input.txt",
    ),
    sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    size=1_115_394,
)
TINY_STORIES = RemoteFile(
    name="TinyStoriesV2-GPT4-valid.txt",
    urls=tuple(
        f"https://{host}/datasets/roneneldan/TinyStories/resolve/f54c09fd23315a6f9c86f9dc80f725de7d8f9c64"
        "/TinyStoriesV2-GPT4-valid.txt"
        for host in ("huggingface.co", "hf-mirror.com")
    ),
    sha256="6874bae9a4c1a4e7edcf0e53b86c17817e9cf881fc75ff2368da457b80c0585d",
    size=22_502_601,
)


@dataclass(frozen=True)
class Corpus:
    """A text in documents, split into "train", "validation" and perhaps more, with where it is from and its
    licence.

    >>> corpus = Corpus("toy", {"train": ("One.", "Two."), "validation": ("Three.",)}, "made up", "CC-BY-4.0")
    >>> corpus.text("train")
    'One.<|endoftext|>Two.<|endoftext|>'
    >>> corpus
    Corpus('toy': train 2 documents, validation 1 document; CC-BY-4.0)
    """

    name: str
    splits: Mapping[str, tuple[str, ...]] = field(repr=False)
    source: str
    licence: str

    def __post_init__(self):
        for name in ("name", "source", "licence"):
            check_instance("Corpus", name, getattr(self, name), str, "a text")
        splits = self.splits if isinstance(self.splits, Mapping) and self.splits else {"": ""}
        for name, documents in splits.items():
            if not isinstance(documents, tuple | list) or not all(
                isinstance(document, str) for document in documents
            ):
                raise ValueError(
                    f"splits got {reprlib.repr(self.splits)}, needed the documents of each split as a tuple "
                    f"of texts, such as {{{name or 'train'!r}: ('One.', 'Two.')}}."
                )

    @property
    def train(self) -> tuple[str, ...]:
        """The documents to learn from."""
        return self._split("train")

    @property
    def validation(self) -> tuple[str, ...]:
        """The documents to measure on, never to learn from."""
        return self._split("validation")

    def text(self, split: str = "train") -> str:
        """All documents of a split as one text, each followed by <|endoftext|>. Raises: ValueError for no
        such split."""
        return "".join(document + END_OF_TEXT for document in self._split(split))

    def _split(self, split: str) -> tuple[str, ...]:
        if not isinstance(split, str) or split not in self.splits:
            raise ValueError(
                f"Corpus {self.name!r} has no split {shown(split)}; it has {', '.join(self.splits)}."
            )
        return self.splits[split]

    def __repr__(self) -> str:
        counts = (
            f"{split} {len(docs)} document{'s' * (len(docs) != 1)}" for split, docs in self.splits.items()
        )
        return f"Corpus({self.name!r}: {', '.join(counts)}; {self.licence})"


def load_corpus(name: str | Path, *, cache: str | Path | None = None) -> Corpus:
    """A corpus by its name, or from a text file of your own.

    - "world", "world-en", "world-zh": the bundled stories of the little world, in both languages (taking
      turns) or one;
    - "pydoc": the language reference that every Python carries;
    - "tinyshakespeare" (1 MB) and "tinystories" (22 MB): downloaded once into `cache` (default: the user's
      cache);
    - a path: a text file in UTF-8. With lines that hold only <|endoftext|>, or as `Corpus.text` gives it, it
      is documents, of which every tenth becomes validation; without, it is one text, whose last tenth, from a
      paragraph's start, becomes validation.

    Raises: ValueError for a name that is neither, a file that cannot be used, or a bundled file that is
    missing; DownloadError (a ConnectionError) when a download fails.

    >>> load_corpus("pydoc").train[0][:23]
    'The "assert" statement\\n'
    """
    if isinstance(name, str) and name in _LOADERS:
        return _LOADERS[name](cache)
    path = as_path(name)
    if not os.path.lexists(path) and len(str(name)) < LONGEST_NAME:
        near = difflib.get_close_matches(str(name), _LOADERS, n=1)
        meant = (
            f"did you mean {near[0]!r}?"
            if near
            else f"give the path of a text file, or one of {', '.join(_LOADERS)}."
        )
        raise ValueError(f"There is no corpus and no file named {str(name)!r}; {meant}")
    text = _read(path)
    marked = _documents_in_a_row(text) if text.endswith(END_OF_TEXT) else _documents(text)
    if len(marked) > 1:
        splits = _every_tenth(marked)
    else:
        splits = _split("".join(marked) if _is_marked(text) else text, path)
    return Corpus(path.name, splits, source=str(path), licence="your own file")


def is_world(name: object) -> bool:
    """Whether this is the name of the bundled stories, whole or in one language, and not of a file.

    >>> is_world("world-en"), is_world("world_history.txt")
    (True, False)
    """
    return isinstance(name, str) and name in ("world", "world-en", "world-zh")


def write_documents(path: str | Path, documents: Iterable[str]) -> None:
    """Writes documents as UTF-8, each followed by a line that holds only <|endoftext|>.

    Raises: ValueError for an empty document, one that holds such a line or a carriage return, and for what is
    no text.
    """
    if isinstance(documents, str | bytes | Mapping) or not isinstance(documents, Iterable):
        raise ValueError(
            f"Got {reprlib.repr(documents)}, needed a list of documents; one document is a list of one."
        )
    documents = list(documents)
    for number, document in enumerate(documents):
        _check_document(number, document)
    content = "".join(f"{document}\n{END_OF_TEXT}\n" for document in documents)
    if content and decode_text(content.encode(), str(path)) != content:
        raise ValueError("Document 0 begins with U+FEFF, which marks a file and is no text; leave it away.")
    with atomic_write(path) as stream:
        stream.write(content.encode())


def _check_document(number: int, document: str) -> None:
    """Whether it can be written and read back."""
    if not isinstance(document, str):
        raise ValueError(f"Document {number} is of type {type(document).__name__}, needed text as a str.")
    if not document.strip() or _SEPARATOR.search(document) or "\r" in document:
        raise ValueError(
            f"Document {number} is empty, or has a carriage return or a line {END_OF_TEXT!r}, so it "
            f"could not be read back; got {document[:50]!r}."
        )
    try:
        document.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"Document {number} has half of a character at position {error.start}, which no file can hold; "
            "mend it with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        ) from None


def read_documents(path: str | Path) -> tuple[str, ...]:
    """The documents of a file, separated by lines that hold only <|endoftext|>; empty ones are left out.

    A file without such lines that holds what `Corpus.text` gives is read as that.

    Raises: ValueError if the file is missing, empty or not UTF-8.
    """
    return _documents(_read(path))


def _is_marked(text: str) -> bool:
    """Whether <|endoftext|> separates documents here, and is not just spoken of."""
    return text.rstrip().endswith(END_OF_TEXT) or _SEPARATOR.search(text) is not None


def _documents(text: str) -> tuple[str, ...]:
    if _is_marked(text) and not _SEPARATOR.search(text):
        return _documents_in_a_row(text.rstrip())
    documents = _SEPARATOR.split(f"\n{text}")
    return tuple(trimmed for document in documents if (trimmed := document[1:].removesuffix("\n")).strip())


def _documents_in_a_row(text: str) -> tuple[str, ...]:
    """The documents that `Corpus.text` has put one after the other."""
    return tuple(document for document in text.split(END_OF_TEXT) if document.strip())


def _read(path: str | Path) -> str:
    """The text of a file, with line ends as in Python."""
    text = decode_text(read_whole(path, "give a text file, for example one inside a folder"), str(path))
    if not text.strip():
        raise ValueError(f"{path} is empty; give a file with text in it.")
    if html_page(text) and not _is_marked(text):
        raise ValueError(
            f"{path} is a web page (HTML), not plain text; open it in a browser and copy its text into a "
            f"file, or, to learn the tags as well, end it with a line {END_OF_TEXT!r}."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _split(text: str, path: Path) -> dict[str, tuple[str, ...]]:
    """The beginning and the end of one text, cut where a paragraph starts."""
    goal = len(text) * (VALIDATION_EVERY - 1) // VALIDATION_EVERY
    if goal == 0:
        raise ValueError(
            f"{path} has {len(text)} characters of text, needed at least 2, to train and to validate on."
        )
    cut = goal
    for border in (r"\n\s*\n", r"\n"):  # a paragraph's start if one is near, else a line's, else anywhere
        starts = [match.end() for match in re.finditer(border, text)]
        near = [start for start in starts if 2 * abs(start - goal) < len(text) - goal]
        if near:
            cut = min(near, key=lambda start: abs(start - goal))
            break
    return {"train": (text[:cut],), "validation": (text[cut:],)}


def _every_tenth(documents: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Every tenth document for validation, at least one: spread over the whole, and the same on every
    machine."""
    last = VALIDATION_EVERY - 1
    chosen = set(range(last, len(documents), VALIDATION_EVERY)) or {len(documents) - 1}
    return {
        "train": tuple(document for i, document in enumerate(documents) if i not in chosen),
        "validation": tuple(documents[i] for i in sorted(chosen)),
    }


def _world(*languages: str) -> Corpus:
    folder = data_dir() / "world"
    splits = {}
    for split in ("train", "validation", "heldout", "strangers"):
        paths = [folder / f"{split}.{language}.txt" for language in languages]
        for path in paths:
            if not path.exists():
                raise ValueError(
                    f"{path} is missing, though it is part of the course; 'git restore data' brings it back."
                )
        splits[split] = _taking_turns([read_documents(path) for path in paths])
    name = "world" if len(languages) > 1 else f"world-{languages[0]}"
    return Corpus(name, splits, source="course_lib.world, see data/README.md", licence="CC-BY-4.0")


def _taking_turns(lists: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Several lists as one, evenly mixed, each in its own order.

    >>> _taking_turns([("a", "b", "c", "d"), ("1", "2")])
    ('a', '1', 'b', 'c', '2', 'd')
    """
    places = [
        ((i + 0.5) / len(items), which, item)
        for which, items in enumerate(lists)
        for i, item in enumerate(items)
    ]
    return tuple(item for _, _, item in sorted(places, key=lambda place: place[:2]))


def _pydoc(cache: str | Path | None) -> Corpus:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise ValueError(
            "This Python was built without pydoc_data; use load_corpus('world') instead."
        ) from None
    documents = tuple(topics[name].strip("\n") for name in sorted(topics))
    source = f"pydoc_data.topics of Python {platform.python_version()}"
    return Corpus("pydoc", _every_tenth(documents), source, licence="PSF-2.0")


def _tiny_shakespeare(cache: str | Path | None) -> Corpus:
    text = _read(_download(TINY_SHAKESPEARE, cache))
    cut = len(text) * 9 // 10  # the split that published figures use, though it falls inside a word
    splits = {"train": (text[:cut],), "validation": (text[cut:],)}
    return Corpus(
        "tinyshakespeare",
        splits,
        TINY_SHAKESPEARE.urls[0],
        licence="public domain (collected by A. Karpathy, 2015)",
    )


def _tiny_stories(cache: str | Path | None) -> Corpus:
    documents = read_documents(_download(TINY_STORIES, cache))
    return Corpus("tinystories", _every_tenth(documents), TINY_STORIES.urls[0], licence="CDLA-Sharing-1.0")


def _download(file: RemoteFile, cache: str | Path | None) -> Path:
    folder = as_path(cache) if cache is not None else cache_dir()
    try:
        return fetch(file, folder)
    except DownloadError as error:
        raise DownloadError(
            f"{error} load_corpus('world') and load_corpus('pydoc') need no network; or get the file "
            f"in another way and put it at {folder / file.name}."
        ) from None


_LOADERS = {
    "world": lambda cache: _world("en", "zh"),
    "world-en": lambda cache: _world("en"),
    "world-zh": lambda cache: _world("zh"),
    "pydoc": _pydoc,
    "tinyshakespeare": _tiny_shakespeare,
    "tinystories": _tiny_stories,
}
