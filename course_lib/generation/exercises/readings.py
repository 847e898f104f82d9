"""What a table and a picture of notebook 06 show: a number that is read off, and a letter."""

from __future__ import annotations

from course_lib.exercises import Exercise, Mistake

two_words_stay = Exercise(
    name="two_words_stay",
    topic="generation",
    title="Explain: where does top-p cut?",
    kind="explain",
    difficulty="easy",
    minutes=3,
    reference=0.87,
    atol=0.012,
    cases=(),
    hints=(
        "With p = 0.9 three words stay. Is a p that leaves only two of them smaller or larger than that?",
        "Going down the list, one stops as soon as the sum reaches p. Which number in the table is the sum "
        "of two words?",
    ),
    explanation=(
        "*kite* and *hat* have 0.87 together. Up to there a third word isn't needed; from there on the sum "
        "of two is too small, and *drum* comes in with all of its 0.09. So between 0.64 and 0.87 every p "
        "does the same: what top-p keeps changes in jumps, at the sums so far."
    ),
    mistakes=(
        Mistake(
            "the sum of one word",
            0.64,
            "Up to 0.64 *kite* is enough by itself. A little above it, a second word is needed, and for how "
            "long do two do?",
        ),
        Mistake(
            "the sum of three words",
            0.96,
            "To reach 0.96 it takes three words; two of them have less than that together.",
        ),
        Mistake(
            "the second word's own probability",
            0.23,
            "p is compared with the *sum* of the probabilities, in the second row. At 0.23 *kite* alone is "
            "more than enough.",
        ),
        Mistake(
            "the p of the cell",
            0.9,
            "At 0.9 the cell keeps three words: two don't reach it.",
        ),
    ),
)


twice_the_steps = Exercise(
    name="twice_the_steps",
    topic="generation",
    title="Explain: twice the steps",
    kind="explain",
    difficulty="medium",
    minutes=4,
    reference="c",
    cases=(),
    hints=(
        "Draw on: seven more rows below each half. How long is the last of them on the left, and how many "
        "dark squares does it have on the right?",
        "On the left the new rows have 10, 11, ... up to 16 dark squares, on the right one each. Add each to "
        "what there was, 42 and 9.",
    ),
    explanation=(
        "Without a cache, the new rows are longer than all the old ones: 10 + 11 + ... + 16 = 91 more, 133 "
        "in all, about three times 42. With one, 7 more, so 16 instead of 9; the prompt is paid for once. "
        "The longer the text, the nearer these come to four times and twice: the dark area on the left is a "
        "triangle, on the right a line."
    ),
    mistakes=(
        Mistake(
            "the rows are taken to be equally long",
            "a",
            "Twice as many rows, but on the left each is longer than the one before, since all of the text "
            "is computed in every step. Only on the right do rows have one dark square each.",
        ),
        Mistake(
            "the two are mixed up",
            "b",
            "Which of the two computes all earlier tokens again? Its rows grow, so twice as many of them "
            "have more than twice the squares.",
        ),
        Mistake(
            "a square for both",
            "d",
            "With a cache, a step computes one token, however much stands before it: that is no square. And "
            "without, the first rows, with the prompt, keep it a little below four times.",
        ),
    ),
)
