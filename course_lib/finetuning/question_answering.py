"""Questions about stories of the little world, and how to score the answers that somebody gives.

A `Quiz` is a story with questions that it answers and questions that it does not. Answers come in as texts:
this module does not know models or tokenizers. It supports `course_lib.finetuning`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from course_lib.arguments import check_instance, many, whole
from course_lib.world.documents import document
from course_lib.world.questions import Question, answerable, unanswerable
from course_lib.world.simulation import WorldConfig
from course_lib.world.stories import STORIES

UNKNOWN = "The story does not say."  # the world's own words, in English
_STEP = 1_000_003  # to another seed, where a story has no question


@dataclass(frozen=True)
class Quiz:
    """A story, the questions that it answers, and some plausible ones that it does not answer.

    >>> who = Question("Who lost a kite?", "Mia", True, "lose")
    >>> where = Question("Where does Tom live?", UNKNOWN, False, "live")
    >>> made = Quiz("Mia lost a kite.", answered=(who,), unanswered=(where,))
    >>> made.answered[0].answer, made.unanswered[0].answer
    ('Mia', 'The story does not say.')
    """

    story: str
    answered: tuple[Question, ...]
    unanswered: tuple[Question, ...]

    def __post_init__(self) -> None:
        check_instance("Quiz", "story", self.story, str, "a text")
        for name in ("answered", "unanswered"):
            object.__setattr__(
                self, name, tuple(each("Quiz", name, getattr(self, name), Question, "questions"))
            )


@dataclass(frozen=True)
class Item:
    """One question about one story, as it is put to a model.

    >>> Item("Mia lost a kite.", Question("Who lost a kite?", "Mia", True, "lose")).prompt
    'Mia lost a kite.\\n\\nQ: Who lost a kite?\\nA:'
    """

    story: str
    question: Question

    def __post_init__(self) -> None:
        check_instance("Item", "story", self.story, str, "a text")
        check_instance("Item", "question", self.question, Question, "a Question, such as those of quiz(5)")

    @property
    def prompt(self) -> str:
        """The text that the model goes on with."""
        return self.story + asked(self.question.text)


def asked(question: str) -> str:
    """How a question is written after a story: up to the place where its answer begins.

    >>> asked("Who lost the kite?")
    '\\n\\nQ: Who lost the kite?\\nA:'
    """
    check_instance("asked", "question", question, str, "a text")
    return f"\n\nQ: {question}\nA:"


def answered(answer: str) -> str:
    """How an answer is written after its question; the line's end says that it is complete.

    >>> answered("Mia")
    ' Mia\\n'
    """
    check_instance("answered", "answer", answer, str, "a text")
    return f" {answer}\n"


def quiz(seed: int, cast: str = "everyday", language: str = "en", unanswered: int = 3) -> Quiz:
    """The quiz of a seed; `cast` and `language` are the world's (`WorldConfig`, `document`).

    >>> made = quiz(5)
    >>> made.answered[0].answerable, made.unanswered[0].answer
    (True, 'The story does not say.')
    """
    seed = whole("quiz", "seed", seed, least=0)
    unanswered = whole("quiz", "unanswered", unanswered, least=0)
    while True:
        told = document(seed, language, WorldConfig(cast=cast), kinds=STORIES)
        questions = answerable(told)
        if questions:
            return Quiz(told.text, tuple(questions), tuple(unanswerable(told, unanswered, seed)))
        seed += _STEP


def items(quizzes: Iterable[Quiz], answered: int = 3, unanswered: int = 1) -> list[Item]:
    """Some questions of each quiz, spread over its list: what a test asks.

    >>> [item.question.answerable for item in items([quiz(5)], answered=2)]
    [True, True, False]
    """
    quizzes = each("items", "quizzes", quizzes, Quiz, "quizzes, such as [quiz(5)]")
    answered = whole("items", "answered", answered, least=0)
    unanswered = whole("items", "unanswered", unanswered, least=0)
    return [Item(q.story, one) for q in quizzes for one in _chosen(q, answered, unanswered)]


def each(owner: str, name: str, values: object, kind: type, what: str) -> list:
    """Several things of one kind as a list.

    >>> each("score", "answers", ("Mia", "Tom"), str, "texts")
    ['Mia', 'Tom']
    """
    found = many(owner, name, values, what)
    for value in found:
        check_instance(owner, name, value, kind, f"a list of {what}")
    return found


def _chosen(made: Quiz, answered: int, unanswered: int) -> Iterator[Question]:
    every = max(1, len(made.answered) // answered) if answered else 1
    yield from made.answered[::every][:answered]
    yield from made.unanswered[:unanswered]


# Comparing two answers ------------------------------------------------------------------------------------


def normalise(answer: str) -> str:
    """An answer without what doesn't matter: capitals, punctuation, articles, extra spaces and line ends.

    Source: Rajpurkar and others 2016, section 6.1 (arXiv:1606.05250).

    >>> normalise(" The red  Kite. ")
    'red kite'
    """
    check_instance("normalise", "answer", answer, str, "a text")
    words = re.sub(r"[^\w\s]|_", "", answer.lower()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def exact_match(answer: str, right: str) -> bool:
    """Whether both are the same once they are normalised.

    >>> exact_match("To the park.", "to the park"), exact_match("the park", "to the park")
    (True, False)
    """
    return normalise(answer) == normalise(right)


def token_f1(answer: str, right: str) -> float:
    """How much two answers share, between 0 and 1: the harmonic mean of precision and recall over words.

    A word that stands twice in both counts twice.

    Source: Rajpurkar and others 2016, section 6.1 (arXiv:1606.05250).

    >>> token_f1("the park", "to the park")  # 1 of 1 word is right, 1 of 2 is found
    0.6666666666666666
    """
    ours, theirs = normalise(answer).split(), normalise(right).split()
    shared = (Counter(ours) & Counter(theirs)).total()
    if not ours or not theirs:
        return float(ours == theirs)
    return 2 * shared / (len(ours) + len(theirs))


# Scoring a test -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """How a test went: counts for the questions with an answer, and for those without.

    >>> made = Score(exact=3, f1=0.8, refused=0, asked=4, made_up=1, unanswerable=2)
    >>> made.exact_share, made.made_up_share  # 3 of 4, and 1 of 2
    (0.75, 0.5)
    """

    exact: int  # right, of those with an answer
    f1: float  # the mean over those with an answer
    refused: int  # of those with an answer
    asked: int  # questions with an answer
    made_up: int  # answers given where there is none
    unanswerable: int  # questions without an answer

    @property
    def exact_share(self) -> float:
        """Exact match, as a share."""
        return self.exact / max(1, self.asked)

    @property
    def made_up_share(self) -> float:
        """How often an answer was made up, as a share of the questions that have none."""
        return self.made_up / max(1, self.unanswerable)


def score(test: Sequence[Item], answers: Sequence[str]) -> Score:
    """Compare answers with the right ones.

    Raises: ValueError unless there is one answer for each item.

    >>> questions = Question("Who?", "Mia", True, "lose"), Question("Why?", UNKNOWN, False, "buy")
    >>> test = [Item("A story.", question) for question in questions]
    >>> made = score(test, ["Mia", "Tom"])
    >>> made.exact_share, made.made_up_share
    (1.0, 1.0)
    """
    test = each("score", "test", test, Item, "items, such as those of items")
    answers = each("score", "answers", answers, str, "texts")
    if len(test) != len(answers):
        raise ValueError(f"score got {len(answers)} answers to {len(test)} questions; give one for each.")
    known = [(a, i.question.answer) for i, a in zip(test, answers, strict=True) if i.question.answerable]
    unknown = [answer for item, answer in zip(test, answers, strict=True) if not item.question.answerable]
    return Score(
        exact=sum(exact_match(*pair) for pair in known),
        f1=sum(token_f1(*pair) for pair in known) / max(1, len(known)),
        refused=sum(exact_match(answer, UNKNOWN) for answer, _ in known),
        asked=len(known),
        made_up=sum(not exact_match(answer, UNKNOWN) for answer in unknown),
        unanswerable=len(unknown),
    )


# A baseline that needs no model ---------------------------------------------------------------------------


def question_word(question: str) -> str:
    """The first word of a question, in small letters.

    >>> question_word("Who lost the kite?")
    'who'
    """
    check_instance("question_word", "question", question, str, "a text")
    return (question.split() or [""])[0].strip("?").lower()


def commonest_answers(quizzes: Iterable[Quiz]) -> dict[str, str]:
    """For each question word the answer that is right most often.

    >>> sorted(commonest_answers([quiz(5)]))[-1]
    'who'
    """
    quizzes = each("commonest_answers", "quizzes", quizzes, Quiz, "quizzes, such as [quiz(5)]")
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for made in quizzes:
        for question in made.answered:
            counts[question_word(question.text)][question.answer] += 1
    return {word: found.most_common(1)[0][0] for word, found in counts.items()}


def always_commonest(test: Sequence[Item], commonest: Mapping[str, str]) -> list[str]:
    """The baseline's answers: it looks at the question's first word, and never at the story.

    >>> always_commonest([Item("", Question("Who?", "Mia", True, "lose"))], {"who": "Tom"})
    ['Tom']
    """
    test = each("always_commonest", "test", test, Item, "items, such as those of items")
    check_instance("always_commonest", "commonest", commonest, Mapping, "a dict, as of commonest_answers")
    return [commonest.get(question_word(item.question.text), UNKNOWN) for item in test]
