"""What a strict reader would find wrong in a telling without knowing the story: each rule says which line breaks it."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from course_lib.world import telling, words
from course_lib.world.documents import KINDS, document, name_of
from course_lib.world.telling import Either, Slot, parse_line

FOLDER = Path(telling.__file__).parent / "tellings"


class Pair(NamedTuple):
    """An English line and its Chinese one, and where they stand."""

    where: str
    event: str
    en: tuple
    zh: tuple


def pairs() -> list[Pair]:
    """Every pair of lines of the telling files."""
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        event, waiting = "", None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("# "):
                event = line[2:].strip()
            elif line.strip() and not line.startswith("//"):
                nodes = parse_line(line.replace("\\n", "\n"))
                if waiting is None:
                    waiting = nodes
                else:
                    found.append(Pair(f"{path.name}:{number - 1} # {event}", event, waiting, nodes))
                    waiting = None
    return found


PAIRS = pairs()
STATEMENTS = [pair for pair in PAIRS if not pair.event.startswith("?")]


def wordings(nodes: tuple) -> list[str]:
    """The line with the first option of each bracket, with the second, and so on; slots as {A.n}."""

    def one(nodes: tuple, index: int) -> str:
        parts = []
        for node in nodes:
            if isinstance(node, Slot):
                parts.append(f"{{{node.name}.{node.form}}}")
            elif isinstance(node, Either):
                parts.append(one(node.options[min(index, len(node.options) - 1)], index))
            else:
                parts.append(node)
        return "".join(parts)

    def most(nodes: tuple) -> int:
        sizes = [
            max([len(node.options), *map(most, node.options)]) for node in nodes if isinstance(node, Either)
        ]
        return max(sizes, default=1)

    return list(dict.fromkeys(one(nodes, index) for index in range(most(nodes))))


def complaints(pattern: str, language: str, among: list[Pair] = STATEMENTS) -> list[str]:
    """The lines in which a pattern is found."""
    return [
        f"{pair.where}: {text}"
        for pair in among
        for text in wordings(getattr(pair, language))
        if re.search(pattern, text)
    ]


def none_of(found: list[str]) -> None:
    assert not found, "\n" + "\n".join(found)


# ---------------------------------------------------------------- the two lines of a pair


def brackets(nodes: tuple) -> list[Either]:
    return sorted((node for node in nodes if isinstance(node, Either)), key=lambda node: node.number)


def named(nodes: tuple) -> set[str]:
    """The slots of a line but for people, whom Chinese may leave out where English needs a pronoun."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Slot) and not node.name.isupper():
            found.add(node.name)
        elif isinstance(node, Either):
            found |= set().union(*map(named, node.options))
    return found


def test_brackets_of_a_pair_have_the_same_options():
    none_of(
        [
            pair.where
            for pair in PAIRS
            if [(b.number, len(b.options)) for b in brackets(pair.en)]
            != [(b.number, len(b.options)) for b in brackets(pair.zh)]
        ]
    )


def test_both_lines_have_the_same_slots_option_by_option():
    found = []
    for pair in PAIRS:
        if named(pair.en) != named(pair.zh):
            found.append(f"{pair.where}: {named(pair.en) ^ named(pair.zh)}")
        outside = [named(tuple(n for n in line if isinstance(n, Slot))) for line in (pair.en, pair.zh)]
        for en, zh in zip(brackets(pair.en), brackets(pair.zh), strict=False):
            for one, other in zip(en.options, zh.options, strict=False):
                unlike = (outside[0] | named(one)) ^ (outside[1] | named(other))
                found += [
                    f"{pair.where}: in a bracket {name}"
                    for name in unlike
                    if name in named(one) ^ named(other)
                ]
    none_of(found)


# Words whose Chinese is certain: an option that has one must not have its Chinese in another option only.
CERTAIN = {
    "morning": "早|晨|上午", "afternoon": "下午", "evening": "晚|傍晚", "night": "夜|晚", "day": "天|日", "week": "星期|周",
    "left": "左", "right": "右", "cold": "凉|冷", "warm": "温|暖", "mother": "妈", "father": "爸", "asked": "问",
    "ran": "跑", "walked": "走", "smiled": "笑|微笑", "nodded": "点|点头", "shouted": "喊|叫|嚷",
    "whispered": "悄|低声|小声|轻", "loudly": "大声|响", "quietly": "轻|小声|低声", "slowly": "慢|缓", "two": "两|二|双",
    "three": "三", "four": "四", "five": "五", "twice": "两|又|再|遍", "happy": "高兴|开心|快乐|乐", "sad": "难过|伤心",
    "yesterday": "昨", "tomorrow": "明天|明", "bed": "床", "sleep": "睡", "home": "家", "school": "学校|校",
}  # fmt: skip


def said(nodes: tuple) -> str:
    return " ".join(wordings(nodes)).lower()


def test_options_are_not_crossed():
    found = []
    for pair in PAIRS:
        both = list(zip(brackets(pair.en), brackets(pair.zh), strict=False))
        for place, (en, zh) in enumerate(both):
            for index, option in enumerate(en.options):
                for word, chinese in CERTAIN.items():
                    if not re.search(rf"\b{word}\b", said(option)):
                        continue
                    here = re.search(chinese, said(zh.options[index]))
                    others = [
                        o for i, o in enumerate(zh.options) if i != index and word not in said(en.options[i])
                    ]
                    beside = [
                        o
                        for i, (_, other) in enumerate(both)
                        if i != place and not re.search(rf"\b{word}\b", said((both[i][0],)))
                        for o in other.options
                    ]
                    if not here and any(re.search(chinese, said(o)) for o in others + beside):
                        found.append(f"{pair.where}: {word} <> {said(zh.options[index])}")
    none_of(found)


# ---------------------------------------------------------------- one line


def test_english_has_no_chinese_punctuation_and_chinese_no_english():
    none_of(complaints("[，。！？；：“”‘’、《》…—]", "en", PAIRS))
    no_marks = [
        f"{pair.where}: {text}"
        for pair in PAIRS
        for text in wordings(pair.zh)
        if re.search(r"[,!?;:\"'().]", re.sub(r"\{[^}]*\}", "", text))
    ]
    none_of(no_marks)


def test_no_punctuation_is_doubled():
    none_of(complaints(r"[,;:.!?]{2,}|\"[.,;!?]|[.!?]\"[.,]|,\s*[.!?]", "en"))
    none_of(complaints(r"[，。！？；：、]{2,}|[。！？]”[，。！？；]|^[，。！？；：、]", "zh"))


def test_quotation_marks_come_in_pairs():
    none_of(
        [f"{p.where}: {text}" for p in STATEMENTS for text in wordings(p.en) if text.count('"') % 2]
        + [
            f"{p.where}: {text}"
            for p in STATEMENTS
            for text in wordings(p.zh)
            if re.sub("[^“”]", "", text).replace("“”", "")
        ]
    )


def test_a_statement_does_not_end_in_a_question_mark():
    """What is asked may, and so may a question of the one who tells; "She asked if they could trade?" may not."""
    found = []
    for pair in (pair for pair in STATEMENTS if "\n" not in said(pair.en)):
        for text in wordings(pair.en):
            for sentence in re.split(r"(?<=[.!?])\s", re.sub(r'"[^"]*"', "", text)):
                if re.search(r"\b(asked|said|begged|told|called|wondered|wanted to know)\b.*\?$", sentence):
                    found.append(f"{pair.where}: {text}")
        for text in wordings(pair.zh):
            spoken = re.sub("“[^”]*[。！？]”", "。", text)
            if re.search("(问|想知道)[^。！？呢吗]*？", re.sub("“[^”]*”", "", spoken)):
                found.append(f"{pair.where}: {text}")
    none_of(found)


def test_every_sentence_has_an_end():
    """But for the lines of notices, letters and conversations."""
    whole = [pair for pair in STATEMENTS if "\n" not in said(pair.en) + said(pair.zh)]
    none_of(complaints(r'(?<![.!?])(?<![.!?]")$', "en", whole))
    none_of(complaints("(?<![。！？…])(?<![。！？…]”)$", "zh", whole))


def test_every_english_sentence_begins_with_a_capital():
    none_of(complaints(r"[.!?] \"?[a-z]", "en"))


def test_no_word_is_said_twice_in_a_row():
    none_of(complaints(r"(?i)\b([a-z]+) \1\b", "en"))
    none_of(
        complaints(
            "的的|了了|在在|把把|被被|和和|就就|很很|(可是|但是|因为|所以)[^。！？”]*\\1", "zh"
        )
    )


def test_there_are_no_stray_spaces():
    none_of(complaints(r" {2,}|^ | $| [,.!?;:]|\" $", "en", PAIRS))
    none_of([text for text in complaints(r" ", "zh") if "# diary_head" not in text and "\n" not in text])


# ---------------------------------------------------------------- a thing with a mark

MARKS = "|".join([f"{colour.zh}的?" for colour in words.COLOURS] + [size.zh for size in words.SIZES])


def unmarked_before(text: str) -> list[str]:
    """Things that are first one of their kind ("一把扇子") and then marked without 那 or another 一 ("红色的扇子").

    >>> unmarked_before("他看到一把扇子。红色的扇子不是他的。")
    ['红色的扇子']
    """
    found = []
    for thing in words.THINGS:
        first = re.search(rf"一{thing.measure}(?:{MARKS})?{thing.zh}", text)
        if first is None or re.fullmatch(f"一{thing.measure}{thing.zh}", first.group()) is None:
            continue
        later = re.finditer(
            rf"(?<![那这一]{thing.measure})(?<![的我你他她])(?:{MARKS}){thing.zh}", text[first.end() :]
        )
        found += [match.group() for match in later]
    return found


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_a_mark_that_was_not_told_before_has_its_那(kind):
    texts = [document(seed, "zh", kinds=(kind,)).text for seed in range(20)]
    none_of([f"{found}: {text}" for text in texts if (found := unmarked_before(text))])
