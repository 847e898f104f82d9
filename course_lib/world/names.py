"""Names without end: of people and pets whom no list holds, made by rule in English and Chinese at once.

A made name is a chain of syllables, and each syllable is written with its own letters and its own Chinese character:
Ka/卡, lo/洛, na/娜 make Kalona/卡洛娜. A person's first and middle syllables tell nothing; the last one tells the sex, in
both languages. No syllable and no character stands in two places of a name, so that no Chinese name is a part of
another, and one language's name can be worked out from the other's. Whoever reads of such a person has most likely
never met the name before: it can only be copied, syllable by syllable, from the text.

One in eight made names is held out: only the strangers have it.

Knows nothing of worlds and stories.
"""

import re
import zlib
from collections.abc import Collection, Iterator
from functools import cached_property, lru_cache
from itertools import product

from course_lib.world.chance import Chance
from course_lib.world.words import Entity

HELD_OUT_SHARE = 8  # one in eight made names is kept for the strangers
SHORT_SHARE = 0.25  # of the names that may have a middle syllable, how many have none
WORD = re.compile("[a-z]+")
CHINESE_SIZES = (2, 3)  # how many characters a name can have
POOLS = ("known", "strange", "all")  # the names that are not held out, those that are, and both


class Step:
    """The beginning of a made name, as an option to draw: `key` is its syllables so far, "" for no middle one.

    >>> Step(PEOPLE, ("ka", "lo")).mentioned_in("what did kalona say?", "en")
    True
    """

    def __init__(self, names: "Names", key: tuple[str, ...]):
        self.names, self.key = names, key

    def mentioned_in(self, lower_text: str, language: str) -> bool:
        """Whether a text (in lower case) has a name that begins so: exactly if it does."""
        return self.key in self.names.beginnings_in(lower_text, language)


class Named(Entity):
    """Somebody with a made name; `syllables` says of which it is made.

    >>> PEOPLE.of("Kalona").syllables
    ('ka', 'lo', 'na')
    """

    def mentioned_in(self, lower_text: str, language: str) -> bool:
        """Whether a text (in lower case) has this name as a whole word."""
        return self.syllables in self.names.beginnings_in(lower_text, language)


class Names:
    """All names that a rule makes: a first syllable, a middle one or none, and a last one.

    `last` holds the last syllables by sex. Names in `without` are left out ("Mofo-": all that begin so).

    >>> rule = Names("person", "Ka/卡", "lo/洛", {"f": "na/娜", "m": "ton/顿"}, without="Katon")
    >>> [f"{name.en}/{name.zh}/{name.sex}" for name in rule]
    ['Kana/卡娜/f', 'Kalona/卡洛娜/f', 'Kaloton/卡洛顿/m']
    """

    def __init__(self, kind: str, first: str, middle: str, last: dict[str, str], without: str = ""):
        self.kind = kind
        self.first, self.middle = _syllables(first), {"": ""} | _syllables(middle)
        self.last = {sex: _syllables(text) for sex, text in last.items()}
        self.without = frozenset(without.split())
        self.without_beginnings = tuple(part[:-1] for part in self.without if part.endswith("-"))
        self._options: dict[tuple, tuple[tuple, tuple[float, ...] | None]] = {}

    @cached_property
    def by_name(self) -> dict[str, tuple[str, str, str]]:
        """The syllables of every name, by the English name in lower case and by the Chinese name."""
        found = {}
        lasts = {c: zh for table in self.last.values() for c, zh in table.items()}
        for (a, a_zh), (b, b_zh), (c, c_zh) in product(
            self.first.items(), self.middle.items(), lasts.items()
        ):
            name = (a + b + c).capitalize()
            if name not in self.without and not name.startswith(self.without_beginnings):
                found[a + b + c] = found[a_zh + b_zh + c_zh] = (a, b, c)
        return found

    @cached_property
    def _everybody(self) -> dict[tuple[str, str, str], Named]:
        found = {}
        for a, b, c in dict.fromkeys(self.by_name.values()):
            sex, zh = next((sex, table[c]) for sex, table in self.last.items() if c in table)
            found[a, b, c] = Named(
                self.kind,
                (a + b + c).capitalize(),
                self.first[a] + self.middle[b] + zh,
                names=self,
                syllables=(a, b, c),
                sex=sex,
            )
        return found

    @cached_property
    def _by_beginning(self) -> dict[tuple[str, ...], list[Named]]:
        found: dict[tuple[str, ...], list[Named]] = {}
        for syllables, name in self._everybody.items():
            for size in range(3):
                found.setdefault(syllables[:size], []).append(name)
        return found

    def __iter__(self) -> Iterator[Named]:
        return iter(self._everybody.values())

    def __len__(self) -> int:
        return len(self._everybody)

    def of(self, name: str) -> Named | None:
        """Who has this name, in either language; None if the rule doesn't make it.

        >>> PEOPLE.of("卡洛娜").en, PEOPLE.of("Tom")
        ('Kalona', None)
        """
        return self._everybody.get(self.by_name.get(name.lower(), ()))

    def draw(self, chance: Chance, pool: str, sex: str = "", used: Collection[str] = ()) -> Named:
        """A name from a pool, drawn syllable by syllable; none that begins with a `used` syllable.

        >>> from course_lib.world.chance import First
        >>> PEOPLE.draw(First(), "all", sex="m", used=["ka"]).zh
        '帕顿'
        """
        key: tuple[str, ...] = ()
        while len(key) < 2:
            options, weights = self._after(key, pool, sex)
            if not key and used:
                options = tuple(option for option in options if option.key[0] not in used)
            key = chance.pick(options, weights, named=True).key
        return chance.pick(self._after(key, pool, sex)[0], named=True)

    def _after(self, key: tuple[str, ...], pool: str, sex: str) -> tuple[tuple, tuple[float, ...] | None]:
        """What can follow the beginning `key` of a name, and the weights."""
        found = self._options.get((key, pool, sex))
        if found is None:
            size = len(key) + 1
            whole = [
                name
                for name in self._by_beginning[key]
                if sex in ("", name.sex) and (pool == "all" or is_held_out(name.en) == (pool == "strange"))
            ]
            keys = dict.fromkeys(name.syllables[:size] for name in whole)
            options = tuple(whole) if size == 3 else tuple(Step(self, one) for one in keys)
            weights = None
            longer = len(options) - 1
            if size == 2 and longer and options[0].key[1] == "":
                weights = (SHORT_SHARE, *[(1 - SHORT_SHARE) / longer] * longer)
            found = self._options[key, pool, sex] = (options, weights)
        return found

    def beginnings_in(self, lower_text: str, language: str) -> frozenset[tuple[str, ...]]:
        """Every beginning of every made name that stands in a text (in lower case), up to the whole names.

        >>> sorted(PEOPLE.beginnings_in("kana saw tom.", "en"))
        [('ka',), ('ka', ''), ('ka', '', 'na')]
        """
        return _beginnings(self, lower_text, language)

    def ends_at(self, lower_text: str, start: int, language: str) -> set[int]:
        """Where a name that begins at `start` of a text (in lower case) can end.

        >>> PEOPLE.ends_at("so 卡洛娜 said", 3, "zh")
        {6}
        """
        if language == "en":  # a name is a whole word
            word = WORD.match(lower_text, start)
            return {word.end()} if word and word.group() in self.by_name else set()
        return {start + size for size in CHINESE_SIZES if lower_text[start : start + size] in self.by_name}


def _syllables(text: str) -> dict[str, str]:
    return {en.lower(): zh for en, zh in (pair.split("/") for pair in text.split())}


@lru_cache(maxsize=256)
def _beginnings(names: Names, lower_text: str, language: str) -> frozenset[tuple[str, ...]]:
    if language == "en":
        found = [names.by_name[word] for word in set(WORD.findall(lower_text)) if word in names.by_name]
    else:
        pieces = (lower_text[i : i + size] for i in range(len(lower_text)) for size in CHINESE_SIZES)
        found = [names.by_name[piece] for piece in pieces if piece in names.by_name]
    return frozenset(name[:size] for name in found for size in (1, 2, 3))


def is_held_out(name: str) -> bool:
    """Whether a made name (in English) is kept for the strangers.

    >>> share = sum(is_held_out(name.en) for name in PEOPLE) / len(PEOPLE)
    >>> 0.11 < share < 0.14
    True
    """
    return zlib.crc32(name.encode()) % HELD_OUT_SHARE == 0


# Left out: words (Veto), names that belong to the other sex or to somebody famous (Ali, Modi), what looks like a
# familiar name (Ana), and what sounds bad in either language (Katon is 卡顿, to stutter).
PEOPLE = Names(
    "person",
    "Ka/卡 Pa/帕 Ha/哈 Ja/贾 Va/瓦 Be/贝 Fe/费 Pe/佩 Se/塞 Ne/奈 Mo/莫 So/索 "
    "Jo/乔 Bo/博 Ga/加 Gi/吉 Mu/穆 Ju/朱 Su/苏 Du/杜 Ve/维 A/阿 E/埃 O/奥",
    "lo/洛 mi/米 ra/拉 ri/瑞 kai/凯 lei/雷 si/西 ba/巴 fo/福 vo/沃 "
    "ho/霍 hi/希 da/达 gu/古 go/戈 po/波 ku/库 pu/普 tai/泰 mai/迈",
    {
        "f": "na/娜 sa/莎 ya/雅 ni/妮 li/莉 di/蒂 vi/薇 fi/菲 lin/琳 lu/露",
        "m": "ton/顿 son/森 len/伦 mon/蒙 ran/朗 bin/宾 no/诺 to/托 win/温 han/翰",
    },
    without="Ali Ana Ano Asa Avi Belen Beni Bodi Boson Dubin Edi Elen Eli Felin Gafi Gavi Gawin Gaya Jason Javi "
    "Kabin Katon Mofo- Modi Mono Musa Muton Newin Peni Selen Semon Soya Sufi Veto",
)
PETS = Names(
    "pet",
    "Pi/皮 Bu/布 Ti/缇 Ki/奇 Nu/努 Wu/乌 Yo/悠 Chi/琪 Do/朵 Bi/碧 Zu/祖",
    "",
    {"": "ko/可 ta/嗒 ru/噜 lee/乐 ro/罗 dy/迪"},
    without="Biro Nudy Pita Tidy",
)
RULES = (PEOPLE, PETS)
