"""Exercises on examples in which only the answers count, and on batches of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake

Tensor = torch.Tensor
Example = tuple[list[int], list[int]]


# What counts ----------------------------------------------------------------------------------------------


def _mask_prompt(prompt: list[int], answer: list[int]) -> Example:
    """All ids in a row, and the targets: -100 for the prompt, the ids themselves for the answer."""
    ids = prompt + answer
    targets = [-100] * len(prompt) + answer
    return ids, targets


def _fresh_mask_prompt(draw: Draw) -> Case:
    vocab = draw.choose((9, 1000, 200_000))
    return Case(draw.id_list(vocab, 0, 7), draw.id_list(vocab, 0, 7))


def _first_masked(prompt: list[int], answer: list[int]) -> Example:
    return prompt + answer, [-100] * (len(prompt) + 1) + answer[1:]


def _from_the_end(prompt: list[int], answer: list[int]) -> Example:
    ids = prompt + answer
    targets = [-100] * len(ids)
    targets[-len(answer) :] = answer
    return ids, targets


def _from_the_end_on_whole(prompt: list[int], answer: list[int]) -> Example:
    ids = prompt + answer
    return ids, [-100] * len(prompt) + ids[-len(answer) :]


def _prompt_extended(prompt: list[int], answer: list[int]) -> Example:
    targets = [-100] * len(prompt) + answer
    prompt += answer
    return prompt, targets


def _prompt_extended_first(prompt: list[int], answer: list[int]) -> Example:
    prompt += answer
    return prompt, [-100] * len(prompt) + answer


mask_prompt = Exercise(
    name="mask_prompt",
    topic="finetuning",
    title="Only the answer counts",
    kind="explore",
    difficulty="easy",
    minutes=6,
    reference=_mask_prompt,
    cases=(
        Case([5, 7, 2], [3, 9]),
        Case([4], [8, 0, 6]),
        Case([1, 2, 3, 4, 5], [2]),
        Case([6, 6], [6, 6, 1]),
        Case([0, 300], [0, 0, 301]),
        Case([5, 7, 2], []),
        Case([], [4, 1]),
        Case([], []),
        Case([3, 1] * 35, [2, 2, 0, 999] * 20),
        Case([3, 1] * 525, [2, 2, 0, 999] * 265),
    ),
    fresh=_fresh_mask_prompt,
    hints=(
        "The ids are the prompt and then the answer. The targets are a list of the same length.",
        "`[-100] * n` is a list of n times -100. How many places are only to be read?",
        "`targets = [-100] * len(prompt) + answer`",
    ),
    explanation=(
        "The model still reads the whole prompt: it is in `ids`, and the answer's tokens look back at it. "
        "But no loss is taken there, so no weight changes in order to write stories or questions. -100 is no "
        "token; it is the number that PyTorch's cross-entropy leaves out unless told otherwise.\n\n"
        "Nothing is shifted yet. At each place the target is the token *at* that place; that the model has "
        "to say it one place *earlier* is the business of the batch."
    ),
    mistakes=(
        Mistake(
            "everything counts",
            lambda prompt, answer: (prompt + answer, prompt + answer),
            "With the prompt's ids as targets, most of the loss is about the story. Put -100 there.",
        ),
        Mistake(
            "the answer is masked and the prompt counts",
            lambda prompt, answer: (prompt + answer, prompt + [-100] * len(answer)),
            "-100 means: leave this out. It belongs where the model only reads, so at the prompt.",
        ),
        Mistake(
            "the prompt's targets are 0",
            lambda prompt, answer: (prompt + answer, [0] * len(prompt) + answer),
            "0 is a token like any other, and the model would learn to say it. Only -100 is left out.",
        ),
        Mistake(
            "the prompt's targets are -1",
            lambda prompt, answer: (prompt + answer, [-1] * len(prompt) + answer),
            "Other programs leave out -1, but `F.cross_entropy` leaves out -100 and nothing else.",
        ),
        Mistake(
            "the targets are as long as the answer",
            lambda prompt, answer: (prompt + answer, list(answer)),
            "There must be one target for each id; otherwise nobody knows which place they belong to.",
        ),
        *(
            Mistake(
                "the first token of the answer is masked too",
                wrong,
                "The first token of the answer is the most important one: with it the model decides. It "
                "counts.",
            )
            for wrong in (_first_masked, lambda p, a: _first_masked(p, a) if a else _mask_prompt(p, a))
        ),
        Mistake(
            "only the last id counts",
            lambda prompt, answer: (prompt + answer, [-100] * (len(prompt + answer) - 1) + answer[-1:]),
            "The whole answer is to be learned, each of its ids.",
        ),
        Mistake(
            "ids of the answer that stand in the prompt are masked",
            lambda prompt, answer: (
                prompt + answer,
                [-100 if id in prompt else id for id in prompt + answer],
            ),
            "An answer often repeats words of the story. What counts is decided by the place and not by the "
            "id: the first `len(prompt)` targets are -100.",
        ),
        Mistake(
            "ids and targets are exchanged",
            lambda prompt, answer: _mask_prompt(prompt, answer)[::-1],
            "All ids come first, then the targets.",
        ),
        Mistake(
            "the targets are shifted already",
            lambda prompt, answer: (prompt + answer, [-100] * (len(prompt) - 1) + [*answer, -100]),
            "Here each target stands at its own token. The shift comes when the batch is made; done "
            "twice, the "
            "model would learn to skip a token.",
        ),
        *(
            Mistake(
                "an empty answer is counted from the end",
                wrong,
                "-0 is 0, so for an empty answer `[-len(answer):]` is the whole list. Count from the front: "
                "the answer begins at `len(prompt)`.",
            )
            for wrong in (_from_the_end, _from_the_end_on_whole)
        ),
        *(
            Mistake(
                "the prompt itself was made longer",
                wrong,
                "`prompt += answer` and `prompt.extend(answer)` change the caller's list, who may want to "
                "ask the same question again. `prompt + answer` makes a new one.",
            )
            for wrong in (_prompt_extended, _prompt_extended_first)
        ),
        Mistake(
            "the prompt is missing from the ids",
            lambda prompt, answer: (list(answer), list(answer)),
            "What is masked is only left out of the loss. The model has to read it, or it could only guess.",
        ),
    ),
)


# What a loss shows ----------------------------------------------------------------------------------------


hardly_moved = Exercise(
    name="hardly_moved",
    topic="finetuning",
    title="Explain: a loss that hardly moves",
    kind="explain",
    difficulty="medium",
    minutes=5,
    reference="b",
    cases=(),
    hints=(
        "Turn the means back into sums: 152 tokens, at 0.53 and at 0.50. How many nats have gone in all?",
        "About 4 nats have gone. If all of them were the answer's, what is left of the 5 that it cost at "
        "first?",
    ),
    explanation=(
        "152 · 0.53 is about 80 nats, 152 · 0.50 is 76. The 4 nats that are gone may all be the answer's, "
        "which began with 5: then its two tokens came from a mean of 2.5 down to 0.5, which is all that was "
        "wanted. Or the story became cheaper by 0.03 a token, and the answer is as bad as it was.\n\n"
        "The mean over everything can't tell the two apart. A loss that is taken at the answer alone can."
    ),
    mistakes=(
        Mistake(
            "0.03 nats was taken for the answer's own change",
            "a",
            "0.03 is the change of a mean over 152 tokens. Two of them could have changed by 2 nats each and "
            "would not have moved it further.",
        ),
        Mistake(
            "a mean that equals the story's own",
            "c",
            "That would be so if the story still cost 0.50 a token and the answer too. But nobody knows "
            "whether the story stayed as it was: the mean has room for both.",
        ),
        Mistake(
            "what is small in the mean can't have changed",
            "d",
            "The answer is a small part of the mean, but it had much further to fall: the story's tokens "
            "began at 0.5 nats, and the answer's at 3 and 2.",
        ),
    ),
)


# A batch --------------------------------------------------------------------------------------------------


def _pad_batch(examples: list[Example], pad_id: int) -> tuple[Tensor, Tensor]:
    """Inputs x without the last id, targets y without the first, filled up on the right."""
    T = max(len(ids) for ids, _ in examples) - 1
    x = torch.full((len(examples), T), pad_id)
    y = torch.full((len(examples), T), -100)
    for row, (ids, targets) in enumerate(examples):
        x[row, : len(ids) - 1] = torch.tensor(ids[:-1])
        y[row, : len(ids) - 1] = torch.tensor(targets[1:])
    return x, y


_N = -100
_BATCHES = (
    Case([([1, 2, 3], [_N, _N, 3]), ([4, 5], [_N, 5])], 0),
    Case([([7, 2, 2, 9, 1], [_N, 2, 2, 9, 1]), ([7, 3, 7], [_N, _N, 7])], 7),
    Case([([5, 1], [_N, 1]), ([5, 6, 8, 2], [_N, _N, 8, 2]), ([5, 3, 4], [_N, 3, 4])], 5),
    Case([([2, 3, 5, 7], [_N, _N, 5, 7])], 0),
    Case([([1, 2, 3], [_N, _N, 3]), ([4, 5], [_N, 5])], 300),
    Case([([300, 0, 0, 0, 9], [_N, 0, _N, 0, 9]), ([0, 0], [_N, 0]), ([0, 0], [_N, 0])], 0),
    Case([([151_000, 50_256, 40_000], [_N, 50_256, 40_000]), ([40_000, 70_000], [_N, 70_000])], 50_256),
    Case([([1, 2] * 34, [_N] * 8 + [1, 2] * 30), *[([id, 3, 4], [_N, _N, 4]) for id in range(66)]], 999),
    Case([([1, 2] * 1050, [_N] * 8 + [1, 2] * 1046), ([5, 3, 4], [_N, 3, 4])], 999),
)


def _fresh_pad_batch(draw: Draw) -> Case:
    vocab = draw.choose((9, 1000, 200_000))

    def example() -> Example:
        ids = draw.id_list(vocab, 2, 8)
        prompt = draw.integer(0, len(ids))
        targets = [_N] * prompt + ids[prompt:]
        if draw.choose((False, False, False, True)):  # several parts, of which some count
            targets = [id if draw.boolean() else _N for id in ids]
        return ids, targets

    examples = draw.list(example, 1, 5)
    return Case(examples, draw.choose((0, examples[0][0][-1], examples[-1][0][0], vocab)))


def _use_batch(answer: Callable, examples: list[Example], pad_id: int) -> object:
    """What an answer gives. The last id of a shorter example may stand in x too: nothing is asked there."""
    ends = [(len(ids) - 1, ids[-1]) for ids, _ in examples]  # before the answer can change them
    batch = answer(examples, pad_id)
    if not isinstance(batch, tuple | list) or len(batch) != 2 or not isinstance(batch[0], Tensor):
        return batch
    x = batch[0].clone()
    for row, (last, id) in zip(x, ends, strict=False):
        if row.ndim == 1 and 0 < last < len(row) and row[last] == id:
            row[last] = pad_id
    return x, batch[1]


def _padding(
    inputs: Callable = lambda ids: ids[:-1],
    goals: Callable = lambda targets: targets[1:],
    fill: int | None = _N,
    left: bool = False,
) -> Callable:
    """An answer that cuts or fills in another way; fill=None puts the pad id into the targets too."""

    def filled(row: list[int], T: int, with_id: int) -> list[int]:
        rest = [with_id] * (T - len(row))
        return rest + row if left else row + rest

    def answer(examples: list[Example], pad_id: int) -> tuple[Tensor, Tensor]:
        xs, ys = [inputs(ids) for ids, _ in examples], [goals(targets) for _, targets in examples]
        T = max(map(len, xs))
        y_fill = pad_id if fill is None else fill
        return (
            torch.tensor([filled(x, T, pad_id) for x in xs]),
            torch.tensor([filled(y, T, y_fill) for y in ys]),
        )

    return answer


def _padding_from_ids(examples: list[Example], pad_id: int) -> tuple[Tensor, Tensor]:
    return _pad_batch([(ids, ids) for ids, _ in examples], pad_id)


def _padding_from_ids_counting_all(examples: list[Example], pad_id: int) -> tuple[Tensor, Tensor]:
    return _padding(fill=None)([(ids, ids) for ids, _ in examples], pad_id)


def _by_pad_id(examples: list[Example], pad_id: int) -> tuple[Tensor, Tensor]:
    x, y = _pad_batch(examples, pad_id)
    return x, y.masked_fill(y == pad_id, _N)


def _cut(examples: list[Example], pad_id: int) -> tuple[Tensor, Tensor]:
    T = min(len(ids) for ids, _ in examples) - 1
    return torch.tensor([ids[:T] for ids, _ in examples]), torch.tensor([y[1 : T + 1] for _, y in examples])


pad_batch = Exercise(
    name="pad_batch",
    topic="finetuning",
    title="Different lengths in one batch",
    kind="explore",
    difficulty="medium",
    minutes=12,
    reference=_pad_batch,
    cases=_BATCHES,
    fresh=_fresh_pad_batch,
    use=_use_batch,
    hints=(
        "The model reads all ids but the last, and is asked for all targets but the first: `ids[:-1]` and "
        "`targets[1:]`. That's the shift.",
        "Make both tensors first, filled up: `torch.full((B, T), pad_id)` for x. What must y be filled with, "
        "so that it doesn't count? And T is the longest example, less one.",
        "Then copy each example in: `x[row, :len(ids) - 1] = torch.tensor(ids[:-1])`, and y likewise.",
    ),
    explanation=(
        "The filling stands on the right, where no real token looks: the causal mask only looks left. Its "
        "targets are -100, so it costs nothing but the time to compute it. That's why examples of like "
        "length "
        "in one batch are faster.\n\n"
        "Here the pad id can be a token that occurs in texts, such as `<|endoftext|>`, because what "
        "counts is "
        "decided by y and not by looking for the pad id."
    ),
    mistakes=(
        Mistake(
            "the filling counts",
            _padding(fill=None),
            "With the pad id as a target, the model learns to write filling, and in a batch with one long "
            "example that is most of what it learns. Fill y with -100.",
        ),
        Mistake(
            "nothing is shifted",
            _padding(inputs=lambda ids: ids, goals=lambda targets: targets),
            "The target at each place would be the token that the model has just read. Leave the last id out "
            "of x, and the first target out of y.",
        ),
        Mistake(
            "it is shifted the wrong way",
            _padding(inputs=lambda ids: ids[1:], goals=lambda targets: targets[:-1]),
            "This asks for the token *before*. x is `ids[:-1]` and y is `targets[1:]`.",
        ),
        Mistake(
            "only x is shifted",
            _padding(goals=lambda targets: targets[:-1]),
            "The target at each place would be the token that the model has just read. Leave the first "
            "target out of y: `targets[1:]`.",
        ),
        Mistake(
            "x is filled up with 0",
            lambda examples, pad_id: (_pad_batch(examples, 0)[0], _pad_batch(examples, pad_id)[1]),
            "Which id fills says `pad_id`.",
        ),
        Mistake(
            "x and y are exchanged",
            lambda examples, pad_id: _pad_batch(examples, pad_id)[::-1],
            "x, what the model reads, comes first, then y.",
        ),
        Mistake(
            "it is filled up on the left",
            _padding(left=True),
            "In training the filling goes to the right: there no real token looks at it, and positions count "
            "from the text's own beginning.",
        ),
        *(
            Mistake(
                "the targets are taken from the ids",
                answer,
                "Which ids count is said by the targets of each example, -100 and all. Shift *them*: "
                "`targets[1:]`.",
            )
            for answer in (_padding_from_ids, _padding_from_ids_counting_all)
        ),
        Mistake(
            "targets that equal the pad id are masked",
            _by_pad_id,
            "The pad id may be a real token too, and a real target. Only what you filled in yourself doesn't "
            "count.",
        ),
        Mistake(
            "the long ones are cut",
            _cut,
            "Cutting everything to the shortest throws answers away. Fill the short ones up.",
        ),
    ),
)


# A bug to find --------------------------------------------------------------------------------------------


def _easy_batch(examples: list[Example], pad_id: int) -> tuple[Tensor, Tensor]:
    T = max(len(ids) for ids, _ in examples) - 1
    x = torch.full((len(examples), T), pad_id)
    y = torch.full((len(examples), T), -100)
    for row, (ids, targets) in enumerate(examples):
        length = len(ids) - 1
        x[row, :length] = torch.tensor(ids[:length])
        y[row, :length] = torch.tensor(targets[:length])
    return x, y


def _mended_batch(examples: list[Example], pad_id: int) -> tuple[Tensor, Tensor]:
    T = max(len(ids) for ids, _ in examples) - 1
    x = torch.full((len(examples), T), pad_id)
    y = torch.full((len(examples), T), -100)
    for row, (ids, targets) in enumerate(examples):
        length = len(ids) - 1
        x[row, :length] = torch.tensor(ids[:length])
        y[row, :length] = torch.tensor(targets[1:])
    return x, y


easy_batch = replace(
    pad_batch,
    name="easy_batch",
    title="Find the bug: a loss that falls too fast",
    kind="bug",
    difficulty="medium",
    minutes=8,
    reference=_mended_batch,
    faulty=_easy_batch,
    symptom=(
        "Its shapes are right, and the filling doesn't count; but on random digits, which nobody can "
        "foretell, the loss falls to almost nothing."
    ),
    hints=(
        "Random digits cost ln 10 = 2.30 nats each, whatever a model has learned. Who pays less has seen the "
        "answer. Where could it stand?",
        "Take the example `([5, 7, 3, 9], [-100, -100, 3, 9])`, and write x and y under each other. Which id "
        "has been read where 3 is asked for?",
        "At each place the model is to say the id one place *further on*. One of the two lists that are "
        "copied in has to begin one later.",
    ),
    explanation=(
        "x and y were cut alike, so at each place the target was the very id that had just been read. To "
        "copy it is easy: the table learned to say after 7 a 7. In a real training such a loss looks like a "
        "great success, and the model that comes out repeats its last token for ever.\n\n"
        "With `targets[1:]` the loss stays at 2.30. That is what finds this bug, in any training: data of "
        "which you know how far the loss can fall."
    ),
)
