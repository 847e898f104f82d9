"""Exercises and quiz of notebook 12: a sharper distribution, swapped pronouns, caution, votes, leaks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from course_lib.exercises import Case, Draw, Exercise, Mistake, Option, Question, Quiz

# What temperature does to a bias ----------------------------------------------------------------------------


def _sharpened(chances: list[float], temperature: float) -> list[float]:
    """Each probability to the power of 1 / temperature, and then divided by their sum."""
    powers = [chance ** (1 / temperature) for chance in chances]
    return [power / sum(powers) for power in powers]


def _fresh_chances(draw: Draw) -> Case:
    sizes = draw.positive(draw.integer(2, 5), low=0.1, high=2.0).tolist()
    return Case([size / sum(sizes) for size in sizes], draw.choose((0.25, 0.4, 0.5, 0.8, 1.5, 2.0, 3.0)))


def _normalised(values: list[float]) -> list[float]:
    return [value / sum(values) for value in values]


sharpened = Exercise(
    name="sharpened",
    topic="limits",
    title="What temperature does to a share",
    kind="explore",
    minutes=8,
    reference=_sharpened,
    cases=(
        Case([0.8, 0.2], 0.5),
        Case([0.7, 0.3], 1.0),
        Case([0.9, 0.1], 2.0),
        Case([0.5, 0.3, 0.2], 0.25),
        Case([0.5, 0.5], 0.3),
        Case([0.6, 0.2, 0.1, 0.1], 1.5),
        Case([0.1] * 10, 0.7),
        Case([0.28, *[0.08] * 9], 0.5),
    ),
    fresh=_fresh_chances,
    differentiable=False,
    hints=(
        "Two steps, as in the text above: a power of each probability, then a division by the sum.",
        "`chance ** (1 / temperature)` for each; a list of those, and its sum.",
    ),
    explanation=(
        "Dividing the logits by T is the same as raising the probabilities to the power of 1/T and making "
        "them sum to 1 again. Below 1 it makes what is likely likelier: 80 to 20 becomes 64 to 4, which is "
        "94 to 6. So a model that has copied a skew exactly says it more strongly as soon as it is sampled "
        "at a low temperature, and always the same if it is greedy."
    ),
    mistakes=(
        Mistake(
            "the power is the temperature itself",
            lambda chances, temperature: _normalised([chance**temperature for chance in chances]),
            "A low temperature must sharpen. The power is 1 / temperature.",
        ),
        Mistake(
            "the powers aren't divided by their sum",
            lambda chances, temperature: [chance ** (1 / temperature) for chance in chances],
            "0.64 and 0.04 aren't probabilities yet. Divide each by what all add up to.",
        ),
        Mistake(
            "the probabilities are taken for logits",
            lambda chances, temperature: _normalised([math.exp(chance / temperature) for chance in chances]),
            "A softmax of p / T begins from logits. With probabilities it is a power.",
        ),
        Mistake(
            "divided by the temperature",
            lambda chances, temperature: _normalised([chance / temperature for chance in chances]),
            "If all are divided by the same number, the division by the sum undoes it. It takes a power.",
        ),
        Mistake(
            "the likeliest gets everything",
            lambda chances, temperature: [float(chance == max(chances)) for chance in chances],
            "That's temperature 0, or greedy. Above 0 the others keep something.",
        ),
    ),
)


# Counterfactual augmentation --------------------------------------------------------------------------------


def _swap_pronouns(words: list[str], pairs: list[tuple[str, str]]) -> list[str]:
    """The words, each one that is in a pair replaced by its partner."""
    partner = {}
    for one, other in pairs:
        partner[one], partner[other] = other, one
    return [partner.get(word, word) for word in words]


_PAIRS = [("he", "she"), ("his", "her")]


def _fresh_swap(draw: Draw) -> Case:
    known = ("he", "she", "his", "her", "the", "nurse", "said", "that", "here", "father", "mother")
    words = [draw.choose(known) for _ in range(draw.integer(2, 9))]
    pairs = [("he", "she"), ("his", "her"), ("father", "mother")]
    return Case(words, pairs[: draw.integer(1, 3)])


def _in_the_letters(words: list[str], pairs: list[tuple[str, str]]) -> list[str]:
    text = " ".join(words)
    for one, other in pairs:
        text = text.replace(one, "@").replace(other, one).replace("@", other)
    return text.split()


def _replaced(words: list[str], partner: dict[str, str]) -> list[str]:
    return [partner.get(word, word) for word in words]


swap_pronouns = Exercise(
    name="swap_pronouns",
    topic="limits",
    title="The same sentence about somebody else",
    kind="explore",
    minutes=8,
    reference=_swap_pronouns,
    cases=(
        Case("the nurse said that she had time".split(), _PAIRS),
        Case("the cook knew that he was late and she was not".split(), _PAIRS),
        Case("his father and her mother were here".split(), _PAIRS),
        Case("his father and her mother were here".split(), [*_PAIRS, ("father", "mother")]),
        Case("nobody came".split(), _PAIRS),
        Case("he she he".split(), [("she", "he")]),
        Case("she saw her and he saw his".split(), [("he", "she")]),
        Case([], _PAIRS),
        Case(["Mia", "said", "that", "He", "and", "he", "came"], _PAIRS),
        Case("he said that she came".split(), []),
        Case("he said it".split(), [("it", "that"), ("came", "said")]),
    ),
    fresh=_fresh_swap,
    differentiable=False,
    hints=(
        "Each pair is a rule in both directions. All words are looked at once, and each is replaced at most "
        "once.",
        "A dictionary from each word of a pair to its partner; `partner.get(word, word)` leaves the others.",
    ),
    explanation=(
        "With a dictionary of both directions each word is looked up once, so nothing is swapped back. In "
        "real English it's harder: *her* is the partner of *his* and of *him*, names have no partner, and "
        "in some sentences a swap makes nonsense."
    ),
    mistakes=(
        Mistake(
            "swapped in one direction only",
            lambda words, pairs: _replaced(words, dict(pairs)),
            "*she* must become *he* as well. Each pair holds in both directions.",
        ),
        Mistake(
            "swapped in the other direction only",
            lambda words, pairs: _replaced(words, {other: one for one, other in pairs}),
            "*he* must become *she* as well. (It also comes out like this if one replacement follows the "
            "other, and what has just become *she* is turned back.) Look at each word once.",
        ),
        Mistake(
            "letters inside of words are replaced",
            _in_the_letters,
            "*the* and *here* have *he* in them. Compare whole words.",
        ),
        Mistake(
            "only the first pair is used",
            lambda words, pairs: _swap_pronouns(words, pairs[:1]),
            "There may be several pairs.",
        ),
        Mistake(
            "words without a partner are left out",
            lambda words, pairs: [
                other for word in words for pair in pairs for other in pair if word in pair and word != other
            ],
            "Everything else in the sentence stays as it is.",
        ),
    ),
)


# Caution ----------------------------------------------------------------------------------------------------


def _selective(confidences: list[float], right: list[bool], threshold: float) -> tuple[float, float]:
    """The share that is answered, and the share of these answers that is wrong."""
    given = [hit for sure, hit in zip(confidences, right, strict=True) if sure >= threshold]
    if not given:
        return 0.0, 0.0
    return len(given) / len(right), given.count(False) / len(given)


def _fresh_selective(draw: Draw) -> Case:
    n = draw.integer(1, 9)
    sure = [draw.integer(1, 8) / 8 for _ in range(n)]
    return Case(sure, [draw.boolean() for _ in range(n)], draw.integer(1, 8) / 8)


def _held(
    keep: Callable[[float, float], bool], result: Callable[[list[bool], list[bool]], tuple[float, float]]
) -> Callable[[list[float], list[bool], float], tuple[float, float]]:
    """An answer with another border, or other shares of what is given and of all."""

    def answer(confidences: list[float], right: list[bool], threshold: float) -> tuple[float, float]:
        given = [hit for sure, hit in zip(confidences, right, strict=True) if keep(sure, threshold)]
        return result(given, right) if given else (0.0, 0.0)

    return answer


def _shares(given: list[bool], right: list[bool]) -> tuple[float, float]:
    return len(given) / len(right), given.count(False) / len(given)


selective = Exercise(
    name="selective",
    topic="limits",
    title="Silent below a threshold",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_selective,
    cases=(
        Case([0.9, 0.8, 0.3, 0.2], [True, False, True, False], 0.5),
        Case([0.9, 0.75, 0.6, 0.5, 0.1], [True, True, False, True, False], 0.6),
        Case([0.4, 0.3], [True, False], 0.9),
        Case([0.5, 0.5], [False, True], 0.5),
        Case([1.0, 0.9, 0.8], [True, True, True], 0.85),
        Case([0.6, 0.7, 0.8, 0.9], [False, False, False, True], 0.1),
    ),
    fresh=_fresh_selective,
    differentiable=False,
    hints=(
        "Collect the marks of the answers that are given, those with a confidence of the threshold or more.",
        "First number: how many are given, of all. Second number: how many of *those* are wrong.",
        "If the list is empty, both numbers are 0.",
    ),
    explanation=(
        "The first number is the **coverage**, the second the **risk**. They belong together: who answers "
        "one question in a hundred is easily right. The second is a share of the answers that were *given*; "
        "what was held back hurts nobody, and helps nobody."
    ),
    mistakes=(
        Mistake(
            "the wrong ones as a share of all",
            _held(
                lambda a, b: a >= b,
                lambda given, right: (_shares(given, right)[0], given.count(False) / len(right)),
            ),
            "Who answers little would look good. Divide by how many are *answered*.",
        ),
        Mistake(
            "the share that is right",
            _held(
                lambda a, b: a >= b,
                lambda given, right: (_shares(given, right)[0], given.count(True) / len(given)),
            ),
            "The second number is the share that is *wrong*.",
        ),
        Mistake(
            "an answer just at the threshold is held back",
            _held(lambda a, b: a > b, _shares),
            "The threshold itself is enough: `>=`.",
        ),
        Mistake(
            "the unsure ones are given",
            _held(lambda a, b: a < b, _shares),
            "Answer where the confidence is the threshold or *more*.",
        ),
        Mistake(
            "the share that is held back",
            _held(
                lambda a, b: a >= b,
                lambda given, right: (1 - len(given) / len(right), _shares(given, right)[1]),
            ),
            "The first number is the share that is *answered*.",
        ),
        Mistake(
            "the number of answers, not their share",
            _held(lambda a, b: a >= b, lambda given, right: (len(given), _shares(given, right)[1])),
            "Divide by the number of all questions.",
        ),
    ),
)


why_sure = Exercise(
    name="why_sure",
    topic="limits",
    title="Explain: sure of what it can't know",
    kind="explain",
    minutes=4,
    reference="c",
    cases=(),
    hints=(
        "What did every sentence with *comes from* end with, in training?",
        "Did it ever read a sentence that left a home open, or one that said *nobody knows*?",
    ),
    explanation=(
        "Each of its sentences ended with one town, and its loss fell by putting much probability on one. "
        "That habit is what it carries to a person of whom it has read nothing of the kind. No sentence "
        "showed it what to do where it doesn't know, and no loss punished a guess there."
    ),
    mistakes=(
        Mistake(
            "the others' towns",
            "a",
            "Then its guesses would be right more often than chance. The towns were drawn independently.",
        ),
        Mistake(
            "too few steps",
            "b",
            "More steps make it surer still: try 300. Where there is nothing to be learned, training can't "
            "teach it.",
        ),
        Mistake(
            "too small a model",
            "d",
            "The same small model knows by heart what it has read three times. A larger one has nothing more "
            "to read about these people.",
        ),
    ),
)


# Votes ------------------------------------------------------------------------------------------------------


def _majority(answers: list[str]) -> tuple[str, float]:
    """The answer given most often, and its share; of several, the one that came first."""
    best = max(answers, key=answers.count)
    return best, answers.count(best) / len(answers)


def _fresh_answers(draw: Draw) -> Case:
    return Case([draw.choose(("Tom", "Mia", "Jing", "a kite")) for _ in range(draw.integer(1, 9))])


def _longest_run(answers: list[str]) -> tuple[str, float]:
    best, longest, run = answers[0], 0, 0
    for place, answer in enumerate(answers):
        run = run + 1 if place and answers[place - 1] == answer else 1
        if run > longest:
            best, longest = answer, run
    return best, longest / len(answers)


def _vote(choose: Callable[[list[str]], str]) -> Callable[[list[str]], tuple[str, float]]:
    return lambda answers: (choose(answers), answers.count(choose(answers)) / len(answers))


majority = Exercise(
    name="majority",
    topic="limits",
    title="Several drafts vote",
    kind="explore",
    mark="more",
    minutes=6,
    reference=_majority,
    cases=(
        Case(["Tom", "Mia", "Mia"]),
        Case(["Tom", "Mia", "Tom", "Mia"]),
        Case(["Tom", "Mia", "Mia", "Tom", "Jing", "Tom"]),
        Case(["a kite"]),
        Case(["Mia", "Jing", "Tom"]),
        Case(["Mia", "Tom", "Tom", "Mia", "Jing", "Mia", "Jing", "Jing"]),
    ),
    fresh=_fresh_answers,
    differentiable=False,
    hints=(
        "How often each one was given: `answers.count(answer)`.",
        "`max(answers, key=answers.count)` takes the first of equally frequent ones.",
    ),
    explanation=(
        "`max` with a key gives the first of several largest ones, which settles a tie. The share is worth "
        "as much as the answer: where the drafts disagree, the model doesn't know, whatever wins."
    ),
    mistakes=(
        Mistake(
            "of equally frequent ones, the last",
            _vote(lambda answers: max(reversed(answers), key=answers.count)),
            "If several are equally frequent, the one that came first is asked for.",
        ),
        Mistake(
            "of equally frequent ones, the first in the alphabet",
            _vote(lambda answers: max(sorted(answers), key=answers.count)),
            "If several are equally frequent, the one that *came* first is asked for.",
        ),
        Mistake(
            "how often, not which share",
            lambda answers: (_majority(answers)[0], answers.count(_majority(answers)[0])),
            "Divide by how many answers there are.",
        ),
        Mistake(
            "the share of the different answers",
            lambda answers: (_majority(answers)[0], 1 / len(set(answers))),
            "Two of three drafts agree: that's 2/3, however many different ones there are.",
        ),
        Mistake(
            "the first answer",
            _vote(lambda answers: answers[0]),
            "The first one has a vote like all the others.",
        ),
        Mistake(
            "the longest run",
            _longest_run,
            "They needn't stand next to each other. Count them all.",
        ),
    ),
)


# What was read ----------------------------------------------------------------------------------------------


def _exposure(nats: list[float], secret: int) -> float:
    """log2 of how many candidates there are, less log2 of the secret's rank among them."""
    rank = sum(value <= nats[secret] for value in nats)
    return math.log2(len(nats)) - math.log2(rank)


def _fresh_nats(draw: Draw) -> Case:
    n = draw.choose((2, 4, 5, 8, 16))
    return Case(draw.positive(n, low=1.0, high=9.0).tolist(), draw.integer(0, n - 1))


def _by_rank(
    rank: Callable[[list[float], int], float], score: Callable[[int, float], float]
) -> Callable[[list[float], int], float]:
    return lambda nats, secret: score(len(nats), rank(nats, secret))


def _rank(nats: list[float], secret: int) -> int:
    return sum(value <= nats[secret] for value in nats)


def _bits(n: int, rank: float) -> float:
    return math.log2(n) - math.log2(rank)


exposure = Exercise(
    name="exposure",
    topic="limits",
    title="How far is a secret exposed?",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_exposure,
    cases=(
        Case([5.0, 2.0, 7.0, 9.0], 1),
        Case([5.0, 2.0, 7.0, 9.0], 0),
        Case([5.0, 2.0, 7.0, 9.0], 3),
        Case([4.0, 3.0, 4.0, 8.0, 1.0, 9.0, 6.0, 7.0], 2),
        Case([1.5], 0),
        Case([3.0, 3.0, 3.0, 3.0], 1),
        Case([2.5, 0.5, 1.5, 6.5, 3.5], 4),
        Case([60.0, 55.0, 70.0, 52.0], 1),
        Case([0.0, 2.0, 1.0], 0),
        Case([0.0, 2.0, 1.0], 2),
    ),
    fresh=_fresh_nats,
    differentiable=False,
    hints=(
        "The rank first: how many candidates surprise the model as much as the secret, or less? It counts "
        "itself, so the rank of the best is 1.",
        "`rank = sum(value <= nats[secret] for value in nats)`; then two logarithms: `math.log2`.",
    ),
    explanation=(
        "Who knows nothing tries half of n candidates on average; who asks the model tries them in its "
        "order. log2 n - log2 rank says how many bits of that search the model spares. The highest value is "
        "log2 n, for rank 1. The surprise itself says nothing: all candidates may be surprising, and the "
        "secret still the first among them."
    ),
    mistakes=(
        Mistake(
            "natural logarithms",
            _by_rank(_rank, lambda n, rank: math.log(n) - math.log(rank)),
            "The unit is bits: `math.log2`.",
        ),
        Mistake(
            "the most surprising is tried first",
            _by_rank(lambda nats, secret: sum(value >= nats[secret] for value in nats), _bits),
            "What the model finds *least* surprising is tried first: rank 1.",
        ),
        Mistake(
            "the rank's logarithm alone",
            _by_rank(_rank, lambda n, rank: math.log2(rank)),
            "That is large for a secret that is safe. Take it off log2 of how many candidates there are.",
        ),
        Mistake(
            "equally surprising candidates come later",
            _by_rank(lambda nats, secret: 1 + sum(value < nats[secret] for value in nats), _bits),
            "Candidates with the same surprise are tried before the secret: `<=`. Otherwise a model that "
            "finds all alike would expose every one of them.",
        ),
        Mistake(
            "the place in the list, not the rank",
            _by_rank(lambda nats, secret: secret + 1, _bits),
            "The candidates aren't sorted. Count how many have a surprise as low as the secret's.",
        ),
        Mistake(
            "log2 of a share of the surprise",
            lambda nats, secret: math.log2(sum(nats) / nats[secret]),
            "Only the order counts here, not how large the surprises are.",
        ),
        Mistake(
            "the rank as a share, without a logarithm",
            _by_rank(_rank, lambda n, rank: n / rank),
            "Bits are asked for: log2 of that.",
        ),
    ),
)


# A bug to find ----------------------------------------------------------------------------------------------


Example = tuple[str, str]


def _leaky_split(examples: list[Example], n: int) -> tuple[list[Example], list[Example]]:
    held = examples[-n:]
    train = [example for example in examples if example not in held]
    test = [example for example in examples if example in held]
    return train, test


def _clean_split(examples: list[Example], n: int) -> tuple[list[Example], list[Example]]:
    people = list(dict.fromkeys(person for person, _ in examples))
    held = people[-n:]
    train = [example for example in examples if example[0] not in held]
    test = [example for example in examples if example[0] in held]
    return train, test


def _said(*people: str) -> list[Example]:
    """Examples about some people: the text counts how often somebody came before."""
    seen: Counter[str] = Counter()
    rows = []
    for person in people:
        seen[person] += 1
        rows.append((person, f"wording {seen[person]}"))
    return rows


def _fresh_split(draw: Draw) -> Case:
    people = [draw.choose(("Mabo", "Tiru", "Kesa", "Lodu", "Pami")) for _ in range(draw.integer(4, 9))]
    return Case(_said(*people), draw.integer(1, len(set(people))))


def _by_people(choose: Callable[[list[str], int], Sequence[str]]) -> Callable:
    def answer(examples: list[Example], n: int) -> tuple[list[Example], list[Example]]:
        held = choose([person for person, _ in examples], n)
        return [one for one in examples if one[0] not in held], [one for one in examples if one[0] in held]

    return answer


def _last_rows(examples: list[Example], n: int) -> tuple[list[Example], list[Example]]:
    cut = len(examples) - n
    return examples[:cut], examples[cut:]


def _test_without_repeats(examples: list[Example], n: int) -> tuple[list[Example], list[Example]]:
    train, test = _clean_split(examples, n)
    return train, list({person: (person, text) for person, text in test}.values())


leaky_split = Exercise(
    name="leaky_split",
    topic="limits",
    title="Find the bug: a test that was read before",
    kind="bug",
    difficulty="medium",
    minutes=10,
    reference=_clean_split,
    faulty=_leaky_split,
    symptom=(
        "No sentence is in both parts; but a model that can only learn by heart gets a high score on the "
        "test part."
    ),
    cases=(
        Case(_said("Mabo", "Tiru", "Kesa", "Mabo", "Tiru", "Kesa"), 1),
        Case(_said("Mabo", "Mabo", "Tiru", "Tiru", "Kesa", "Kesa"), 2),
        Case(_said("Mabo", "Tiru", "Mabo", "Kesa", "Tiru", "Mabo"), 1),
        Case(_said("Mabo", "Tiru", "Tiru"), 2),
        Case(_said("Lodu", "Pami", "Lodu", "Mabo", "Tiru", "Lodu", "Kesa"), 3),
    ),
    fresh=_fresh_split,
    differentiable=False,
    hints=(
        "Look at the people in the two parts, not at the sentences. Who is in both?",
        "`examples[-n:]` are n *examples*. What has to be held out are n *people*, with all that is said of "
        "them.",
        "The different people, in the order in which they come first: "
        "`list(dict.fromkeys(person for person, _ in examples))`.",
    ),
    explanation=(
        "Two wordings of one fact are two different sentences, and still the same question. If one is in "
        "the training part and the other in the test, the score says how well the model learned by heart. "
        "So what belongs together has to be on one side: split by person, by document, by patient, by day, "
        "never by row."
    ),
    mistakes=(
        Mistake(
            "still split by example",
            _last_rows,
            "The last n examples are held out, and other sentences about the same people stay. Hold out n "
            "people.",
        ),
        Mistake(
            "the people of the last n examples",
            _by_people(lambda people, n: people[-n:]),
            "These are n examples' people, who may be fewer than n. Take the last n *different* people.",
        ),
        Mistake(
            "the people are ordered by when they come last",
            _by_people(lambda people, n: list(reversed(dict.fromkeys(reversed(people))))[-n:]),
            "The last n different people in the order in which each comes for the *first* time.",
        ),
        Mistake(
            "the first people are held out",
            _by_people(lambda people, n: list(dict.fromkeys(people))[:n]),
            "The *last* n people belong to the test.",
        ),
        Mistake(
            "the last people of the alphabet",
            _by_people(lambda people, n: sorted(set(people))[-n:]),
            "In the order in which they come first, not in the alphabet's.",
        ),
        Mistake(
            "one sentence for each person in the test",
            _test_without_repeats,
            "All that is said of a held-out person belongs to the test.",
        ),
        Mistake(
            "the two parts are exchanged",
            lambda examples, n: _clean_split(examples, n)[::-1],
            "First the part to train on, then the test.",
        ),
    ),
)


clean_score = Exercise(
    name="clean_score",
    topic="limits",
    title="Explain: the score without the leak",
    kind="explain",
    minutes=4,
    reference=0.525,
    atol=0.006,
    cases=(),
    hints=(
        "How many of the 62 right ones came from the 20 that it had read?",
        "What remains: how many questions, and how many of them right?",
    ),
    explanation=(
        "Of the 62, 20 are the leaked ones. That leaves 42 right of 80: 0.525. The leak made nearly ten "
        "points of the score. (One should also say that 80 questions make a wider interval than 100.)"
    ),
    mistakes=(
        Mistake(
            "the leaked ones are taken off above only",
            0.42,
            "42 are right, yes; but of 80 questions, since the leaked ones aren't asked any more.",
        ),
        Mistake(
            "taken off below only",
            0.775,
            "62 of 80 counts the leaked right ones and leaves out their questions.",
        ),
        Mistake("the score as it was", 0.62, "That's the score with the leak."),
        Mistake(
            "a fifth is taken off",
            0.496,
            "0.62 less a fifth of itself would be right if the leaked ones had been as hard as the others. "
            "All 20 of them were right.",
        ),
    ),
)


quiz = Quiz(
    topic="limits",
    questions=(
        Question(
            "A model has learned *she* after *nurse* with 80 %, exactly as in its text. You write at "
            "temperature 0.5. How many of its nurses are a *she*?",
            (
                Option("80 %, as the model has copied it.", "That is so at temperature 1, and nowhere else."),
                Option(
                    "94 %: the skew has become stronger.", "0.64 to 0.04, divided by their sum.", right=True
                ),
                Option("50 %: the skew is cut in half by it.", "It divides logits, not the bias."),
                Option("40 %: half of what it has learned.", "Probabilities must still sum to 1."),
            ),
        ),
        Question(
            "You swap the pronouns of every sentence and add the swapped ones. What may it cost?",
            (
                Option(
                    "The model can no longer tell the jobs apart.",
                    "It just no longer links them to pronouns.",
                ),
                Option(
                    "The model can no longer use a pronoun at all.", "It reads as many of them as before."
                ),
                Option(
                    "Sentences that were true of *mother* become false.",
                    "There the pronoun was no bias.",
                    right=True,
                ),
                Option(
                    "Half of the original sentences must be left out.", "None is: that is the other remedy."
                ),
            ),
        ),
        Question(
            "A model refuses below a threshold of confidence. The share of wrong answers falls. What else "
            "must be told?",
            (
                Option(
                    "How many questions it still gives an answer to.",
                    "Coverage and risk belong together, always.",
                    right=True,
                ),
                Option(
                    "How many parameters and layers the model has.",
                    "That explains nothing about the threshold.",
                ),
                Option("How often each token was seen in its training.", "Useful, but hardly ever known."),
                Option(
                    "How the model was asked at other temperatures.", "The threshold was set for this one."
                ),
            ),
        ),
        Question(
            "Five drafts of an answer are all the same. What does that tell?",
            (
                Option(
                    "The answer is right, since five agree on it.",
                    "They come from one model, and share its errors.",
                ),
                Option("The model was sampled at a low temperature.", "Perhaps, or it is just sure."),
                Option("The answer is in the text that it was given.", "It may be made up all the same."),
                Option(
                    "The model is sure of it, and no more than that.",
                    "How often it is right where it is sure, one has to count.",
                    right=True,
                ),
            ),
        ),
        Question(
            "No run of eight words of a test occurs in the training text. What follows?",
            (
                Option("The test is clean: none of it was ever read.", "In other words, it may have been."),
                Option(
                    "Copies are ruled out, and other wordings are not.",
                    "A search for runs sees copies only.",
                    right=True,
                ),
                Option(
                    "The model can't have any of it right by heart.", "The facts may stand there, reworded."
                ),
                Option("The score is too low, and has to be repeated.", "Nothing points to that."),
            ),
        ),
    ),
)
