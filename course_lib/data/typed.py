"""What people type: sentences, reviews, stories with questions, small talk and requests, for measuring only.

The files stand in `data/typed/`, whose README says how each kind is scored. Nothing there may be trained
on. This module reads them; it knows neither the little world nor models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.arguments import choice
from course_lib.files import read_whole
from course_lib.runtime import data_dir

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Translation:
    """A sentence with translations into the other language, any of which is right; `short`: of few words.

    >>> load_typed("translate", "en")[0].translations[0]
    '我把帽子放在哪儿了？'
    """

    id: str
    text: str
    translations: tuple[str, ...]
    short: bool
    typo: bool = False


@dataclass(frozen=True)
class Review:
    """What somebody thinks of something, "good" or "bad"; `hard` where single words mislead (irony, a turn).

    >>> load_typed("reviews", "zh")[0].label
    'good'
    """

    id: str
    text: str
    label: str
    hard: bool = False
    typo: bool = False


@dataclass(frozen=True)
class StoryQuestion:
    """A question about a story, with the answers that are right: none, where the story doesn't say it.

    >>> load_typed("questions", "en")[2].answerable
    False
    """

    id: str
    story: str
    question: str
    answers: tuple[str, ...]
    answerable: bool
    typo: bool = False


@dataclass(frozen=True)
class Talk:
    """Something said to an assistant that is no task; `kind` says what, "outside" what it can't know.

    >>> load_typed("talk", "en")[0].kind
    'greeting'
    """

    id: str
    text: str
    kind: str
    typo: bool = False


@dataclass(frozen=True)
class Request:
    """A task for an assistant in somebody's own words.

    `material` is the part of the text to work on ("" if there is none), `values` what a right answer has in
    it, and `language` the language that it is in.

    >>> load_typed("requests", "en")[0].values
    {'who': ('Tom',), 'thing': 'kite'}
    """

    id: str
    text: str
    task: str
    material: str
    values: Mapping[str, str | tuple[str, ...]] = field(hash=False)
    language: str
    typo: bool = False


Typed = Translation | Review | StoryQuestion | Talk | Request
KINDS: Mapping[str, type] = {
    "translate": Translation,
    "reviews": Review,
    "questions": StoryQuestion,
    "talk": Talk,
    "requests": Request,
}


def load_typed(kind: str, language: str) -> list[Typed]:
    """What people typed: of one of `KINDS`, in "en" or "zh", in the order of the file.

    Raises: ValueError for another kind or language, and for a file that is missing or damaged.

    >>> len(load_typed("translate", "zh")), load_typed("talk", "zh")[0].text
    (150, '你好！')
    """
    made_of = KINDS[choice("load_typed", "kind", kind, KINDS)]
    choice("load_typed", "language", language, LANGUAGES)
    path = data_dir() / "typed" / f"{kind}.{language}.jsonl"
    content = read_whole(path, "it is part of the course, and 'git restore data' brings it back")
    return [_made(made_of, line, path, number) for number, line in enumerate(content.splitlines(), 1)]


def _made(made_of: type, line: str | bytes, path: Path, number: int) -> Typed:
    try:
        return made_of(**{name: _fixed(value) for name, value in json.loads(line).items()})
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{path} is damaged in line {number}; 'git restore data' brings it back.") from None


def _fixed(value: object) -> object:
    """Lists as tuples, also within a mapping."""
    if isinstance(value, dict):
        return {name: _fixed(inner) for name, inner in value.items()}
    return tuple(value) if isinstance(value, list) else value
