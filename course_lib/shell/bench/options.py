"""What a person asked of the benchmark: how many threads, how thorough, which peers, which text.

Does not load torch, so that `--help` is quick.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.shell.bench.peers import Peer

CHARACTERS = 1_100_000


def silent(_: str) -> None:
    """Tell nobody how far things are."""


@dataclass(frozen=True)
class Options:
    """The settings that every section reads.

    `text` is the path of a text file; without one, the documentation that every Python carries. `progress` is
    told what is being measured.

    >>> Options(quick=True).pick(30, 5)
    5
    """

    threads: tuple[int, ...] = (1,)
    quick: bool = False
    peers: tuple[Peer, ...] = ()
    text: Path | None = None
    progress: Callable[[str], None] = silent

    def pick(self, thorough: Any, quick: Any) -> Any:
        """The second of two values if `quick` was asked for."""
        return quick if self.quick else thorough

    def peers_for(self, kind: str) -> tuple[Peer, ...]:
        """The peers that can be measured in one section: "model", "generate" or "train_bpe"."""
        return tuple(peer for peer in self.peers if peer.kind == kind)


def read_text(options: Options, characters: int = CHARACTERS) -> tuple[str, str]:
    """The first `characters` of the text to measure on, and what it is.

    Raises: ValueError for a file that is missing, empty or no text.

    >>> text, what = read_text(Options(), characters=1000)
    >>> len(text), what
    (1000, 'documentation of Python')
    """
    from course_lib.data import load_corpus

    if options.text is not None:
        corpus = load_corpus(options.text)
        return "\n".join([*corpus.train, *corpus.validation])[:characters], options.text.name
    corpus = load_corpus("pydoc")
    pieces = [*corpus.train, *corpus.validation]
    missing = characters - sum(map(len, pieces))
    for docstring in library_docstrings():
        if missing <= 0:
            break
        pieces.append(docstring)
        missing -= len(docstring) + 1
    return "\n".join(pieces)[:characters], "documentation of Python"


def library_docstrings() -> Iterator[str]:
    """The explanations inside Python's own library, file by file: some megabytes of English prose."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        folders = path.relative_to(library).parts[:-1]
        if not {"site-packages", "test", "tests", "idlelib"} & {*folders}:
            yield from docstrings(path.read_text(encoding="utf-8", errors="replace"))


def docstrings(code: str) -> Iterator[str]:
    """What a module, its classes and its functions say about themselves.

    >>> list(docstrings("def f():\\n    'Does nothing.'\\n"))
    ['Does nothing.']
    """
    try:
        tree = ast.parse(code)
    except SyntaxError:  # some files of the library are broken on purpose
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield from filter(None, [ast.get_docstring(node)])
