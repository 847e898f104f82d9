"""What a table or a result of notebook 13 shows: a number and a letter."""

from __future__ import annotations

from course_lib.exercises import Exercise, Mistake

one_expert = Exercise(
    name="one_expert",
    topic="modern",
    title="Explain: how large is one expert?",
    kind="explain",
    difficulty="medium",
    minutes=6,
    reference=5.67,
    atol=0.1,
    cases=(),
    hints=(
        "Both figures contain what every token uses. What is the difference between them made of?",
        "47 are everything else and eight experts, 13 are everything else and two. So how many "
        "experts is the "
        "difference, and what is one of them?",
    ),
    explanation=(
        "All else + 8 experts = 47, all else + 2 experts = 13. The difference of 34 is six experts, "
        "so one is "
        'about 5.67, and all else, attention and tokens, is 1.67. So "8x7B" are not eight models of 7 '
        "billion: the attention is there once."
    ),
    mistakes=(
        Mistake(
            "a share of everything",
            47 / 8,
            "Not all of the 47 lie in experts: attention and the tokens' table are there once, for all.",
        ),
        Mistake(
            "half of what a token uses",
            13 / 2,
            "Not all of the 13 lie in experts: attention and the tokens' table are in there, too.",
        ),
        Mistake(
            "the difference divided by eight",
            34 / 8,
            "From two experts to eight is how many?",
        ),
        Mistake(
            "the name was believed",
            7.0,
            "Eight of those would be 56, and it has 47.",
        ),
        Mistake(
            "what lies outside of the experts",
            5 / 3,
            "That is the rest, which every token uses. What is asked for is one expert.",
        ),
    ),
)


what_the_row_says = Exercise(
    name="what_the_row_says",
    topic="modern",
    title="Explain: what may one say?",
    kind="explain",
    difficulty="medium",
    minutes=5,
    reference="b",
    cases=(),
    hints=(
        "The interval holds all changes that go well with the three runs. Which of them lie in it: a gain, a "
        "loss, none at all?",
        "Not to have found a difference is one thing, to have found that there is none another. How large a "
        "difference could there still be?",
    ),
    explanation=(
        "From a gain of 0.06 to a loss of 0.03: all of that goes well with what was seen. So the experiment "
        "doesn't decide, and that is all it says. It excludes a difference of 0.2, and that may be "
        "enough for "
        "one's purpose; for a finer answer one needs more seeds or longer runs. And even then it would hold "
        "for this size and this text."
    ),
    mistakes=(
        Mistake(
            "the mean was taken for the truth",
            "a",
            "With other seeds the mean would be another, and might well lie on the other side of 0.",
        ),
        Mistake(
            "nothing found was taken for nothing there",
            "c",
            "The interval reaches to -0.06 and to +0.03: differences that this experiment is too "
            "coarse to see.",
        ),
        Mistake(
            "one size was taken for all sizes",
            "d",
            "Nothing was measured there. What holds for a small model and seconds may not hold for "
            "a large one.",
        ),
    ),
)
