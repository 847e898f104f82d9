"""The quiz of notebook 08."""

from __future__ import annotations

from course_lib.exercises import Option, Question, Quiz

quiz = Quiz(
    topic="finetuning",
    questions=(
        Question(
            "Why are the targets of the story -100?",
            (
                Option(
                    "So that the model can't see the story, and must answer the question by itself.",
                    "It sees the story: that is decided by the attention mask and the ids, not by targets.",
                ),
                Option(
                    "So that no loss is taken there: it is read, but not learned to be written.",
                    "All of the gradient then comes from the answers.",
                    right=True,
                ),
                Option(
                    "Because -100 is the id of the padding token, which has to be left out.",
                    "No token has a negative id. It is a mark for the loss only.",
                ),
                Option(
                    "So that the batch gets shorter, and no time is spent on the story.",
                    "The batch stays as long as it was; the story is still computed.",
                ),
            ),
        ),
        Question(
            "B of a fresh LoRA layer is all zeros. What follows?",
            (
                Option(
                    "The model first computes exactly what it did before.",
                    "So fine-tuning starts from the base and not from a disturbed one.",
                    right=True,
                ),
                Option(
                    "Nothing is ever learned, since all gradients are zero too.",
                    "A's gradient is zero at first, but B's is not: it depends on A x. After one step A "
                    "moves too.",
                ),
                Option(
                    "The layer first gives out zeros, and then learns again.",
                    "Only the side path does. W x is still there.",
                ),
                Option(
                    "The matrix A has to be all zeros too, as B's partner.",
                    "Then both gradients would be zero, and nothing would ever move.",
                ),
            ),
        ),
        Question(
            "What does LoRA save for certain?",
            (
                Option(
                    "Computing in the forward pass, as the narrow way has far fewer numbers to multiply.",
                    "It becomes a little longer, until the matrices are merged: the narrow way comes on "
                    "top of W x.",
                ),
                Option(
                    "Memory for the base model's weights, which needn't be loaded while the paths are "
                    "trained.",
                    "They are frozen, but every token goes through them.",
                ),
                Option(
                    "Memory for gradients and the optimizer's averages, and room on the disk for each "
                    "further task.",
                    "Both are kept for the trained numbers only.",
                    right=True,
                ),
                Option(
                    "Examples and labels, as fewer numbers can be learned from fewer texts, whatever the "
                    "task.",
                    "It may overfit less, but that has to be measured for each task.",
                ),
            ),
        ),
        Question(
            "A model that was never shown an unanswerable question is asked one. What does it do, and why?",
            (
                Option(
                    "It refuses, since it notices that nothing in the story fits the question.",
                    "Refusing is a text like any other, and one that it never saw. Something always fits "
                    "best.",
                ),
                Option(
                    "It lies, since it knows the right answer to be missing and hides it.",
                    "Lying needs knowing better. It has learned what an answer looks like.",
                ),
                Option(
                    "It writes nothing and ends its turn, since no answer gets a high probability.",
                    "It has to choose a next token. The end of the line is one, but never came there in "
                    "training.",
                ),
                Option(
                    "It answers, since in all of its examples an answer followed.",
                    "What it was trained on is what it does.",
                    right=True,
                ),
            ),
        ),
        Question(
            "Of 200 answers 180 are right. The interval goes from 85 % to 93 %. Which statement is fair?",
            (
                Option(
                    "The model's true share is 90 %, since 200 questions were enough to tell.",
                    "That's this sample. Another one would give another number.",
                ),
                Option(
                    "It is better than another model that got 178 of the same number right.",
                    "Two answers are far inside of the interval: chance alone explains such a difference.",
                ),
                Option(
                    "The true share may well be 87 %; more questions would narrow it down.",
                    "With four times as many questions the interval is about half as wide.",
                    right=True,
                ),
                Option(
                    "95 % of its answers were scored rightly; the others are in doubt.",
                    "The 95 % is about intervals that are made in this way, not about questions.",
                ),
            ),
        ),
    ),
)
