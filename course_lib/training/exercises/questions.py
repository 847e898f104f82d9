"""The quiz of notebook 05."""

from __future__ import annotations

from course_lib.exercises import Option, Question, Quiz

quiz = Quiz(
    topic="training",
    questions=(
        Question(
            "Your model has 512 tokens to choose from. Before the first step its loss is 11 nats. What do "
            "you make of it?",
            (
                Option(
                    "Nothing: any loss will do for a start, since training brings it down anyway.",
                    "There is a right number for the start: ln 512 = 6.2, an even guess. It is the "
                    "cheapest test there is.",
                ),
                Option(
                    "Its text is hard to guess: 11 nats per token must be about its entropy.",
                    "An even guess among 512 tokens costs 6.2 nats on any text, so no text of these "
                    "tokens has a higher entropy.",
                ),
                Option(
                    "Its first guesses are sure of themselves, and wrong: its weights begin too large.",
                    "An even guess over 512 tokens costs ln 512 = 6.2 nats. To do worse, a model must "
                    "put much on some tokens without knowing anything.",
                    right=True,
                ),
                Option(
                    "Its learning rate is too high: the first step has thrown its weights about.",
                    "No step has been made yet, so the rate has had no say.",
                ),
            ),
        ),
        Question(
            "Someone leaves out Adam's bias correction, with betas of 0.9 and 0.999. How long is the "
            "first step?",
            (
                Option(
                    "About three times the rate.",
                    "mean is 0.1 times the gradient, the root of square √0.001 = 0.032 times its size; "
                    "the ratio is 3.2. Steps stay too long for hundreds of steps.",
                    right=True,
                ),
                Option(
                    "A tenth of the rate, like the mean.",
                    "What it is divided by is too small as well, and even more so.",
                ),
                Option(
                    "The rate itself, as with correction.",
                    "Both averages are too small, but by different factors, 0.1 and the root of 0.001. "
                    "That doesn't cancel.",
                ),
                Option(
                    "Without limit, as square begins at 0.",
                    "By the time of the first step, square has taken in the first gradient.",
                ),
            ),
        ),
        Question(
            "You make the batch four times as large, and keep the number of steps. What do you buy?",
            (
                Option(
                    "A quarter of the noise in each gradient, for the same tokens.",
                    "Noise falls with the root of the batch, and each step now reads four times as much.",
                ),
                Option(
                    "The same noise in each gradient, which is four times as long.",
                    "The loss is a mean, and so is its gradient: it points more truly, and is not longer.",
                ),
                Option(
                    "The same loss in a quarter of the steps, at any batch.",
                    "Only while noise is what holds the training up. From a certain size on, better "
                    "gradients don't save steps any more.",
                ),
                Option(
                    "Half the noise in each gradient, for four times the tokens.",
                    "The noise of a mean falls with the root. Whether that is worth the tokens depends: "
                    "with small batches mostly yes, with large ones less and less.",
                    right=True,
                ),
            ),
        ),
        Question(
            "The training loss still falls, the validation loss has been rising for a thousand steps. "
            "Which weights do you keep?",
            (
                Option(
                    "The last ones, as their training loss is the lowest of all.",
                    "What has been gained since is knowledge of these very texts, at the cost of others.",
                ),
                Option(
                    "Those of the lowest validation loss, saved on the way.",
                    "They do best on text that wasn't trained on. Since they were chosen by it, that "
                    "number is a little too good: report one from a third set.",
                    right=True,
                ),
                Option(
                    "The last ones, after a few steps on the validation text.",
                    "That would bring the number down, and make it worthless: nothing is left to measure by.",
                ),
                Option(
                    "The first ones, before anything was learned by heart.",
                    "Until the turn, what was learned helped on new text as well.",
                ),
            ),
        ),
        Question(
            "A checkpoint holds the weights and the number of the step, nothing else. The training goes "
            "on from it. What is different from one that never stopped?",
            (
                Option(
                    "Nothing is different: what it has learned is in its weights.",
                    "The weights are all that is needed for writing. For the next step, more is.",
                ),
                Option(
                    "The loss begins again at an even guess, and falls anew.",
                    "The weights were kept, and with them what they can do.",
                ),
                Option(
                    "The rate goes through its warm-up again, from the start.",
                    "The number of the step was kept, and the schedule depends on nothing else.",
                ),
                Option(
                    "Adam's averages begin at 0 again, and other batches come.",
                    "So the steps differ, and the curve often shows a bump. For the same curve to the "
                    "last bit, the optimizer's state and those of the random generators must be kept too.",
                    right=True,
                ),
            ),
        ),
    ),
)
