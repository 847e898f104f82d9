"""Hold docs/glossary.md to the notebooks: each term stands in bold where the glossary says that it is taught.

    python scripts/glossary.py      # puts the terms in order, and in the sections that the notebooks have now

Run it after a change to a notebook's headings, or to the glossary. What it can't mend, a term that stands in
bold nowhere, it says; the test in tests/notebooks says the same.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(
    r"\| (?P<term>.+?) \| (?P<chinese>.+?) \| (?P<what>.+?) "
    r"\| \[(?P<title>.+?)\]\((?P<link>.+?)\)(?P<section>.*?) \|"
)
CODE = re.compile(r"(?s)```.*?```|`[^`\n]*`")
BOLD = re.compile(r"(?s)\*\*((?:(?!\n\n).)+?)\*\*")
RULE = "|---|---|---|---|"


@dataclass(frozen=True)
class Term:
    """One row of the glossary; `names` are the term and what else it is called."""

    names: tuple[str, ...]
    chinese: str
    what: str
    title: str  # of the notebook
    link: str
    section: str

    def __str__(self) -> str:
        place = f"[{self.title}]({self.link})" + (f", {self.section}" if self.section else "")
        return f"| {' / '.join(self.names)} | {self.chinese} | {self.what} | {place} |"


@dataclass(frozen=True)
class Notebook:
    """What the text of a notebook holds: bold words with their sections, and all of it in small letters."""

    bold: dict[str, str]
    text: str

    def section(self, term: str) -> str | None:
        """The first section in which a term, or its plural, stands in bold."""
        return next(
            (self.bold[form] for form in (term.lower(), f"{term.lower()}s") if form in self.bold), None
        )


def terms(text: str) -> list[Term]:
    """The rows of the glossary's table."""
    rows = text.partition(RULE)[2].strip().splitlines()
    found = [ROW.fullmatch(row) for row in rows]
    if None in found:
        row = rows[found.index(None)]
        raise ValueError(
            f"A row of the glossary is not `| term | 中文 | what | [title](link), section |`: {row}"
        )
    return [
        Term(
            tuple(m["term"].split(" / ")),
            m["chinese"],
            m["what"],
            m["title"],
            m["link"],
            m["section"].removeprefix(", "),
        )
        for m in found
    ]


@cache
def notebook(path: Path) -> Notebook:
    """The bold words of a notebook's text, outside of code."""
    bold: dict[str, str] = {}
    section, told = "", []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        source = "".join(cell["source"])
        told.append(source)
        for part in re.split(r"(?m)^(?=#+ )", CODE.sub("", source)):
            if heading := re.match(r"## (.+)", part):
                section = heading[1].strip()
            for words in BOLD.findall(part):
                bold.setdefault(" ".join(words.split()).lower().rstrip(".:,;"), section)
    return Notebook(bold, " ".join(" ".join(told).split()).lower())


def problems(text: str, folder: Path) -> Iterator[str]:
    """What is wrong with the glossary; `folder` is where it lies."""
    for term in terms(text):
        name, path = term.names[0], folder / term.link
        if not path.is_file():
            yield f"{name}: there is no {term.link}"
            continue
        section = notebook(path).section(name)
        if section is None:
            yield f"{name}: it does not stand in bold in {path.name}"
        elif section != term.section:
            yield f"{name}: it stands in bold in {section!r} of {path.name}, not in {term.section!r}"
        yield from (
            f"{name}: {path.name} does not say {other!r}"
            for other in term.names[1:]
            if other.lower() not in notebook(path).text
        )


def renewed(text: str, folder: Path) -> str:
    """The glossary in order, with the sections as they are in the notebooks."""
    head = text.partition(RULE)[0]
    rows = sorted(terms(text), key=lambda term: term.names[0].lower())
    return "\n".join([head + RULE, *(str(_placed(term, folder)) for term in rows)]) + "\n"


def _placed(term: Term, folder: Path) -> Term:
    section = notebook(folder / term.link).section(term.names[0])
    return term if section is None else replace(term, section=section)


def main() -> None:
    path = ROOT / "docs" / "glossary.md"
    text = renewed(path.read_text(encoding="utf-8"), path.parent)
    path.write_text(text, encoding="utf-8")
    if found := list(problems(text, path.parent)):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
