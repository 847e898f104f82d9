"""The quiz of notebook 06."""

from __future__ import annotations

from course_lib.exercises import Option, Question, Quiz

quiz = Quiz(
    topic="generation",
    questions=(
        Question(
            "A model always takes the likeliest token. After a while it writes the same sentence over and "
            "over. Why doesn't it get out?",
            (
                Option(
                    "Its cache is full, so it has forgotten that it wrote the sentence before, and writes "
                    "it once more.",
                    "It is the other way round: it sees the sentence very well, and copies it.",
                ),
                Option(
                    "Its logits get smaller with every token, until all of them are alike and the first "
                    "one wins.",
                    "They don't wear out: each step computes them anew from the context. In a loop the "
                    "model is usually surer than before.",
                ),
                Option(
                    "Having read it twice, it finds a third time likelier still, and no die ever leads it "
                    "elsewhere.",
                    "What was just said comes again more easily: here a sentence costs less the second, the "
                    "third and the fourth time. In GPT-2, Holtzman and others (2020) saw it go on like "
                    "that. And greedy never takes a side road.",
                    right=True,
                ),
                Option(
                    "Its training data has that sentence so often that it was learned as the likeliest "
                    "one of all.",
                    "It need not occur there at all. What was learned is that repetition goes on.",
                ),
            ),
        ),
        Question(
            "At one step a single token is nearly sure, at the next a hundred are equally good. Which "
            "setting rules out nearly all others at the first and keeps most of the hundred at the second?",
            (
                Option(
                    "Top-p, with p = 0.9.",
                    "At the first step one token has more than 0.9; at the second it takes ninety to "
                    "reach it.",
                    right=True,
                ),
                Option(
                    "Top-k, with k = 40.",
                    "It keeps 40 both times: too many at the first step, too few at the second.",
                ),
                Option(
                    "Temperature, T = 0.5.",
                    "It makes unlikely tokens less likely, but rules none out; and a hundred equal ones "
                    "stay equal.",
                ),
                Option(
                    "Repetition penalty 1.2.",
                    "That depends on what was written before, not on how sure the model is.",
                ),
            ),
        ),
        Question(
            "What does the cache of keys and values save, and what does it cost?",
            (
                Option(
                    "It saves memory, and costs time: all of the old keys must be fetched at each step.",
                    "It is bought with memory. Fetching old keys takes time, but much less than computing "
                    "them again.",
                ),
                Option(
                    "It saves attention: a new token looks only at itself, and trusts the cache for the "
                    "rest.",
                    "The new token still looks at all keys. They just needn't be computed again.",
                ),
                Option(
                    "It saves time, and costs a little accuracy, as the old keys don't know the new token.",
                    "Under a causal mask they never did. The logits are the same, up to rounding.",
                ),
                Option(
                    "It saves time, and costs memory: two vectors a token, in each head and layer.",
                    "Earlier tokens needn't go through the model again: a step costs one token's way "
                    "through it. Their keys and values have to be kept.",
                    right=True,
                ),
            ),
        ),
        Question(
            "Prompts of 3 and 7 tokens are continued in one batch. The shorter row is filled up with 4 "
            "padding tokens at its beginning. What else is needed so that it reads as if it stood alone?",
            (
                Option(
                    "Nothing: a trained model knows that padding means nothing, and takes no notice of it.",
                    "It has never seen padding in training, and takes it for text like any other.",
                ),
                Option(
                    "The mask must hide the padding, and positions must be counted from the first real "
                    "token.",
                    "Otherwise its tokens look at the padding, and the first word stands at position 4.",
                    right=True,
                ),
                Option(
                    "The padding must go to the row's end, where the causal mask hides it from the prompt.",
                    "The causal mask does hide it. But then the row's last position, from which the next "
                    "token is read, is padding, and new tokens would come after it.",
                ),
                Option(
                    "The targets of the padding must be -100, so that no loss comes from its places.",
                    "In training, yes. When writing there is no loss, but there is attention.",
                ),
            ),
        ),
        Question(
            "Beam search finds texts to which the model gives a higher probability than to drawn ones of "
            "the same length. Yet people often prefer the drawn ones for a story. Why?",
            (
                Option(
                    "The likeliest text has no surprises: what people write isn't the likeliest word each "
                    "time.",
                    "It tends to be dull and to repeat itself. For a translation, where little is open, "
                    "the likeliest text may well be what you want.",
                    right=True,
                ),
                Option(
                    "Beam search stops too early: with more beams, the likeliest text would be the best one.",
                    "More beams find likelier texts still, which often makes it worse: they get shorter "
                    "and emptier.",
                ),
                Option(
                    "Drawing looks at many more texts than a few beams, and keeps the best one it has found.",
                    "Drawing follows a single text and compares it with none.",
                ),
                Option(
                    "Beam search takes a model's second choice now and then, so that its sentences fit "
                    "together less.",
                    "It keeps several beginnings, and those with the highest probability as a whole.",
                ),
            ),
        ),
    ),
)
