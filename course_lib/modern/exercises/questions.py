"""The quiz of notebook 13."""

from __future__ import annotations

from course_lib.exercises import Option, Question, Quiz

quiz = Quiz(
    topic="modern",
    questions=(
        Question(
            "A query and a key are turned by rotary positions. Both tokens move 5 places to the right. Their "
            "score ...",
            (
                Option(
                    "... gets smaller.",
                    "A turn changes no length, and the angle between the two is what it was.",
                ),
                Option(
                    "... gets larger.",
                    "A turn changes no length, and the angle between the two is what it was.",
                ),
                Option(
                    "... stays the same.",
                    "Both are turned on by the same angle, so the difference stays, and the score with it.",
                    right=True,
                ),
                Option(
                    "... changes its sign.",
                    "It would if one were turned by half a circle and the other weren't. Both are turned.",
                ),
            ),
        ),
        Question(
            "A model has 32 query heads and 8 heads of keys and values. What becomes four times smaller than "
            "with 32 of each?",
            (
                Option(
                    "The cache of a text that is written.",
                    "It holds keys and values only, and there are 8 heads of them instead of 32.",
                    right=True,
                ),
                Option(
                    "The table of scores in each layer.",
                    "Each of the 32 query heads still has scores of its own.",
                ),
                Option(
                    "The number of weights in the model.",
                    "Only the matrices for keys and values shrink; queries, the last matrix and the "
                    "MLP stay.",
                ),
                Option(
                    "The context that the model can read.",
                    "How many tokens it may look at has nothing to do with who shares keys.",
                ),
            ),
        ),
        Question(
            "SwiGLU has three matrices where the old MLP has two. How is a comparison of the two made fair?",
            (
                Option(
                    "Both get the same width inside, so that the same number of features is found.",
                    "Then SwiGLU has half as many numbers more, and costs half as much more.",
                ),
                Option(
                    "Both get the same learning rate, so that their weights move equally quickly.",
                    "That says nothing of what they cost, and each may need a rate of its own.",
                ),
                Option(
                    "Both get the same number of steps, so that neither of them has seen more text.",
                    "If a step of one costs more, equal steps are unequal time.",
                ),
                Option(
                    "Both get the same number of weights, so SwiGLU is made two thirds as wide inside.",
                    "Three matrices of 8/3 of the width hold what two of 4 times the width do.",
                    right=True,
                ),
            ),
        ),
        Question(
            "Why does a mixture of experts need a loss for balance?",
            (
                Option(
                    "An expert that is chosen often would grow too large to be stored with the others.",
                    "All experts have the same size, whatever they are chosen for.",
                ),
                Option(
                    "An expert that is chosen gets better, is chosen more often, and the others starve.",
                    "Only who is chosen gets a gradient. What is ahead gets further ahead.",
                    right=True,
                ),
                Option(
                    "An expert that is chosen twice would give its answer twice, and spoil the sum.",
                    "The k chosen experts of a token are k different ones.",
                ),
                Option(
                    "An expert that is never chosen would answer with the random numbers it began with.",
                    "Who isn't chosen doesn't answer at all: it doesn't run.",
                ),
            ),
        ),
        Question(
            "What does latent attention keep of each token, in every layer?",
            (
                Option(
                    "One short vector, of which all heads' keys and values are made anew, and a small key.",
                    "The vector has no position in it; for that there is the small key, shared by all heads.",
                    right=True,
                ),
                Option(
                    "One key and one value for each group of heads, as many groups as there are layers.",
                    "Keys and values by groups is grouped-query attention.",
                ),
                Option(
                    "One key and one value of every head, rounded to four bits for each of the numbers.",
                    "That is quantization of the cache, which goes with any kind of attention.",
                ),
                Option(
                    "One score for each earlier token, so that nobody has to multiply the vectors again.",
                    "Scores belong to a query, and a new token asks with a new one.",
                ),
            ),
        ),
    ),
)
