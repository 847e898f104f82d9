"""docs/glossary.md: each term stands in bold in the notebook and the section that the glossary names."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

from course_lib import COURSE

ROOT = Path(__file__).resolve().parents[2]


def load():
    spec = importlib.util.spec_from_file_location("glossary", ROOT / "scripts" / "glossary.py")
    module = sys.modules["glossary"] = importlib.util.module_from_spec(spec)  # dataclasses look it up there
    spec.loader.exec_module(module)
    return module


glossary = load()
PATH = ROOT / "docs" / "glossary.md"
TEXT = PATH.read_text(encoding="utf-8")
TERMS = glossary.terms(TEXT)
NAMES = [name for term in TERMS for name in term.names]


def test_every_term_is_in_bold_where_the_glossary_says():
    found = list(glossary.problems(TEXT, PATH.parent))
    assert not found, "\n".join(["", *found, "For sections that moved: python scripts/glossary.py"])


def test_it_is_in_order_and_each_name_stands_once():
    assert [term.names[0].lower() for term in TERMS] == sorted(term.names[0].lower() for term in TERMS)
    assert len({name.lower() for name in NAMES}) == len(NAMES) and 140 <= len(TERMS) <= 300


def test_every_row_says_what_it_is_in_a_line_and_in_chinese():
    for term in TERMS:
        assert 8 <= len(term.what) <= 110 and not term.what.endswith("."), term
        assert re.search(r"[\u4e00-\u9fff]", term.chinese) or term.chinese.isascii(), term
    chinese = [term.chinese for term in TERMS]
    assert len(set(chinese)) == len(chinese)


def test_the_notebooks_are_named_as_in_the_course_and_all_but_few_are_there():
    titles = {f"../notebooks/{topic.notebook}": f"{topic.number} {topic.title}" for topic in COURSE}
    assert all(titles[term.link] == term.title for term in TERMS)
    assert len({term.link for term in TERMS}) >= 12


def test_what_every_student_of_the_field_must_be_able_to_look_up():
    wanted = (
        "position;most common;with replacement;projection;activation function;non-linearity;top-p;nucleus;"
    )
    wanted += "feed-forward network;skip connection;backpropagation;chain rule;instruction tuning;SFT;RLHF;"
    wanted += "prompt injection;embedding;logit;perplexity;cross-entropy;teacher forcing;exposure bias"
    assert not {*wanted.split(";")} - {*NAMES}


# The rule itself --------------------------------------------------------------------------------------------

HEAD = "# Glossary\n\n| term | 中文 | what it is | taught in |\n|---|---|---|---|\n"


def row(term: str, section: str = ", Heads", link: str = "03.ipynb") -> str:
    return f"| {term} | 词 | what it is | [03 Attention]({link}){section} |\n"


@pytest.fixture
def found(tmp_path):
    """What is wrong with rows about a notebook of one text cell."""

    def find(rows: str, *texts: str, kind: str = "markdown") -> str:
        cells = [{"cell_type": kind, "id": f"c{i}", "source": [text]} for i, text in enumerate(texts)]
        (tmp_path / "03.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
        glossary.notebook.cache_clear()
        return "\n".join(glossary.problems(HEAD + rows, tmp_path))

    return find


def test_a_term_in_bold_in_its_section_is_right(found):
    assert (
        found(row("attention head / head"), "# A\n\nx", "## Heads\n\nEach **attention head** is a head.")
        == ""
    )
    assert found(row("head"), "## Heads\n\n### Exercise 1\n\nThe **Heads**.") == ""
    assert found(row("key value", section=""), "**key\nvalue:** no section yet") == ""


@pytest.mark.parametrize(
    "text",
    [
        "A head.",
        "A *head*.",
        "A **header**.",
        "```\na **head**\n```",
        "`2**3` head `4**5`",
        "a ** b\n\nhead** c",
    ],
)
def test_a_term_that_is_not_in_bold_is_found(found, text):
    assert found(row("head"), f"## Heads\n\n{text}") == "head: it does not stand in bold in 03.ipynb"


def test_bold_in_code_does_not_count(found):
    assert "does not stand in bold" in found(row("head"), "## Heads\n\n**head**", kind="code")


def test_another_section_another_name_and_another_notebook_are_found(found):
    text = "## Heads\n\n**head**"
    assert "it stands in bold in 'Heads' of 03.ipynb, not in 'Tails'" in found(row("head", ", Tails"), text)
    assert found(row("head / lamp"), text) == "head: 03.ipynb does not say 'lamp'"
    assert found(row("head", link="04.ipynb"), text) == "head: there is no 04.ipynb"


def test_sections_and_order_are_put_right(found, tmp_path):
    found("", "## Heads\n\n**head** and **Arm**")
    mixed = HEAD + row("head", ", Tails") + row("arm", "")
    assert glossary.renewed(mixed, tmp_path) == HEAD + row("arm") + row("head")


def test_a_row_of_another_form_is_said():
    with pytest.raises(ValueError, match=r"A row of the glossary is not .*: \| head \| what \|"):
        glossary.terms(HEAD + "| head | what |\n")
