"""Judge mutants and count: how many of an exercise's mutants its cases find out.

A mutant that is judged right has survived. Left out of the share are those that never give a result, those
that are the reference in other words, and the survivors that `equal` lists with a reason.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import random
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from course_lib.exercises import Exercise, Mistake, State
from mutants import gradients, syntax
from mutants.equal import EQUAL
from mutants.listed import fitting
from mutants.mutant import Mutant, counted
from mutants.wrappers import wrapper_mutants

KILLED, SURVIVED, EQUAL_TO_IT, NO_RESULT, THE_SAME = "killed", "survived", "equal", "no result", "the same"
SECONDS = 0.5  # for all cases of one mutant; more only if the reference needs it
SHORT = 12  # mutants of an exercise in the short form


@dataclass
class Score:
    """What became of the mutants of one exercise; `note` says why there are none."""

    key: str
    fates: dict[str, list[Mutant]] = field(default_factory=dict)
    note: str = ""
    seconds: float = 0.0
    stale: list[str] = field(default_factory=list)  # listed as equal, but killed, or not there any more

    def of(self, fate: str) -> list[Mutant]:
        """The mutants with one fate."""
        return self.fates.get(fate, [])

    @property
    def number(self) -> int:
        """How many count: those that give a result and differ from the reference."""
        return len(self.of(KILLED)) + len(self.of(SURVIVED))

    @property
    def share(self) -> float:
        """The share that was killed, of those that count."""
        return len(self.of(KILLED)) / self.number if self.number else 1.0


def mutants_of(exercise: Exercise) -> list[Mutant]:
    """All mutants of an exercise's reference, each with a name of its own.

    >>> from course_lib.start_here import exercises as start_here
    >>> len(mutants_of(start_here.most_likely_next)) > 50
    True
    """
    return [*syntax.syntax_mutants(exercise), *wrapper_mutants(exercise)]


def judged(exercise: Exercise, number: int | None = None, seed: int = 0) -> Score:
    """The fates of an exercise's mutants: of all, or of `number` well-spread ones.

    >>> from course_lib.start_here import exercises as start_here
    >>> result = judged(start_here.most_likely_next, number=5)
    >>> result.number <= 5, result.share > 0
    (True, True)
    """
    if note := _why_not(exercise):
        return Score(exercise.key, note=note)
    begin, result, codes = time.perf_counter(), Score(exercise.key), set()
    with _quiet(seed):
        trial = _for_trial(exercise)
        mutants = mutants_of(trial)
        for mutant in mutants if number is None else spread(mutants, number, seed):
            result.fates.setdefault(_fate(trial, mutant, codes), []).append(mutant)
    if number is None:
        listed = EQUAL.get(exercise.key, {})
        used = {pattern for mutant in result.of(EQUAL_TO_IT) for pattern in fitting(listed, mutant.name)}
        result.stale = [pattern for pattern in listed if pattern not in used]
    return replace(result, seconds=time.perf_counter() - begin)


def short(exercise: Exercise, number: int = SHORT, seed: int = 0) -> list[Mutant]:
    """The survivors among a few mutants of each kind, always the same ones.

    >>> from course_lib.start_here import exercises as start_here
    >>> isinstance(short(start_here.most_likely_next, number=5), list)
    True
    """
    return judged(exercise, number, seed).of(SURVIVED)


def spread(mutants: list[Mutant], number: int, seed: int = 0) -> list[Mutant]:
    """So many mutants, one of each kind in turn, and none that may go on for ever.

    >>> few = spread([Mutant("a: 1", "a", list), Mutant("a: 2", "a", list), Mutant("b: 1", "b", list)], 2)
    >>> [mutant.kind for mutant in few]
    ['a', 'b']
    """

    def order(mutant: Mutant) -> int:
        return zlib.crc32(f"{seed} {mutant.name}".encode())

    turns: Counter[str] = Counter()
    placed = []
    for mutant in sorted((m for m in mutants if not m.endless), key=order):
        placed.append((turns[mutant.kind], zlib.crc32(f"{seed} {mutant.kind}".encode()), mutant))
        turns[mutant.kind] += 1
    chosen = [mutant for _, _, mutant in sorted(placed, key=lambda place: place[:2])[:number]]
    return sorted(chosen, key=lambda mutant: mutant.name)


# One mutant ------------------------------------------------------------------------------------------------


def _why_not(exercise: Exercise) -> str:
    if exercise.open_ended:
        return "open: values are not compared"
    return "" if callable(exercise.reference) else "its answer is a plain value"


def _for_trial(exercise: Exercise) -> Exercise:
    """The exercise with a shorter time limit, and without the mistakes, whose names don't matter here."""
    begin = time.perf_counter()
    exercise.judge(exercise.reference)
    seconds = min(exercise.seconds, max(SECONDS, 10 * (time.perf_counter() - begin)))
    none = (Mistake("nothing", lambda *args, **kwargs: None, ""),) * 3
    return replace(exercise, seconds=seconds, mistakes=none)


def _fate(exercise: Exercise, mutant: Mutant, codes: set[Any]) -> str:
    try:
        answer = mutant.make()
    except Exception:  # noqa: BLE001 - a text that does not compile, or crashes where it is defined
        return NO_RESULT
    if _is_known(exercise, answer, codes) or (mutant.gradient and gradients.same_gradients(exercise, answer)):
        return THE_SAME
    _seed(0)
    counting, count = counted(answer)
    feedback = exercise.judge(counting)
    if feedback.right:
        return EQUAL_TO_IT if any(fitting(EQUAL.get(exercise.key, ()), mutant.name)) else SURVIVED
    return KILLED if count.results or feedback.state is State.TIMED_OUT else NO_RESULT


def _is_known(exercise: Exercise, answer: Any, codes: set[Any]) -> bool:
    """Whether the very same code was judged before, or is the reference's."""
    code = getattr(answer, "mutant_code", None)
    if code is None:
        return False
    if not codes:
        codes.add(syntax.print_of(syntax.compiled(syntax.plain_text(exercise))))
    found = syntax.print_of(code)
    known = found in codes
    codes.add(found)
    return known


@contextlib.contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """Nothing is printed or warned, and random numbers go on as if nothing had been drawn."""
    python_state, torch_state = random.getstate(), torch.get_rng_state()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        _seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            torch.set_rng_state(torch_state)


def _seed(seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)


# In words --------------------------------------------------------------------------------------------------


def difference(exercise: Exercise, mutant: Mutant) -> str:
    """What the mutant changes in the text, as a diff; nothing for one that has no text."""
    if not (text := mutant.text()):
        return ""
    lines = difflib.unified_diff(
        syntax.plain_text(exercise).splitlines(), text.splitlines(), n=0, lineterm=""
    )
    return "\n".join(line for line in list(lines)[2:] if not line.startswith("@@"))
