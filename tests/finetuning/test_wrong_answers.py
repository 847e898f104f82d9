"""Wrong answers to the exercises of notebook 08, of the kinds that pass thin cases: each must be refused."""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from course_lib.exercises import Mistake, State
from course_lib.finetuning import exercises as ex

KEPT = {}


def kept_by(key, value):
    """The first value that was computed for a key."""
    return KEPT.setdefault(str(key), value)


# What counts ----------------------------------------------------------------------------------------------


def masked(prompt, answer):
    return prompt + answer, [-100] * len(prompt) + answer


def mask_by_value(prompt, answer):
    ids = prompt + answer
    return ids, [-100 if id in prompt else id for id in ids]


def mask_by_finding(prompt, answer):
    ids = prompt + answer
    start = ids.index(answer[0]) if answer else len(ids)
    return ids, [-100] * start + ids[start:]


def mask_from_the_end(prompt, answer):
    ids = prompt + answer
    targets = [-100] * len(ids)
    for i in range(1, len(answer) or len(ids)):
        targets[-i] = ids[-i]
    return ids, targets


def mask_in_the_prompt(prompt, answer):
    ids = prompt + answer
    prompt[:] = [-100] * len(prompt)
    return ids, prompt + answer


def mask_with_a_default(prompt, answer, ids=[]):  # noqa: B006
    ids += prompt + answer
    return ids, [-100] * (len(ids) - len(answer)) + answer


MASK_PROMPT = {
    "by value": mask_by_value,
    "by finding the answer": mask_by_finding,
    "from the end": mask_from_the_end,
    "the whole list for an empty answer": lambda prompt, answer: (
        prompt + answer,
        [-100] * len(prompt) + (prompt + answer)[-len(answer) :],
    ),
    "the prompt is masked": mask_in_the_prompt,
    "a default that is kept": mask_with_a_default,
    "id 0 is masked": lambda prompt, answer: (
        prompt + answer,
        [-100] * len(prompt) + [id or -100 for id in answer],
    ),
    "repeats dropped": lambda prompt, answer: masked(list(dict.fromkeys(prompt)), answer),
    "answer first": lambda prompt, answer: (answer + prompt, answer + [-100] * len(prompt)),
    "None for an empty answer": lambda prompt, answer: masked(prompt, answer) if answer else None,
    "the prompt counts if there is no answer": lambda prompt, answer: (
        masked(prompt, answer) if answer else (prompt, list(prompt))
    ),
    "None for what is masked": lambda prompt, answer: (prompt + answer, [None] * len(prompt) + answer),
    "-1 for what is masked": lambda prompt, answer: (prompt + answer, [-1] * len(prompt) + answer),
    "512 ids": lambda prompt, answer: tuple(row[:512] for row in masked(prompt, answer)),
    "64 ids": lambda prompt, answer: tuple(row[:64] for row in masked(prompt, answer)),
    "only one list": lambda prompt, answer: masked(prompt, answer)[1],
    "pairs": lambda prompt, answer: list(zip(*masked(prompt, answer), strict=True)),
    "sums": lambda prompt, answer: (prompt + answer, [-100 * len(prompt), *answer]),
    "kept": lambda prompt, answer: kept_by(("mask", prompt), masked(prompt, answer)),
}


# A batch --------------------------------------------------------------------------------------------------


def batch(examples, pad_id, *, y=lambda ids, targets: targets[1:], fill=-100, order=list, to=None):
    rows = [(ids[:-1], y(ids, targets)) for ids, targets in order(examples)]
    T = to or max(len(x) for x, _ in rows)
    return (
        torch.tensor([(x + [pad_id] * T)[:T] for x, _ in rows]),
        torch.tensor([(goal + [fill] * T)[:T] for _, goal in rows]),
    )


def batch_in_place(examples, pad_id):
    longest = max(len(ids) for ids, _ in examples)
    for ids, targets in examples:
        ids += [pad_id] * (longest - len(ids))
        targets += [-100] * (longest - len(targets))
    x, y = (torch.tensor([pair[i] for pair in examples]) for i in (0, 1))
    return x[:, :-1], y[:, 1:]


def masked_wherever_it_is_the_pad_id(examples, pad_id):
    x, y = batch(examples, pad_id)
    return x, y.masked_fill(x == pad_id, -100)


def one_masked_too_many(examples, pad_id):
    x, y = batch(examples, pad_id)
    for row, (ids, _) in zip(y, examples, strict=True):
        row[len(ids) - 2 :] = -100
    return x, y


PAD_BATCH = {
    "pad id 0": lambda examples, pad_id: batch(examples, 0),
    "y filled with the pad id": lambda examples, pad_id: batch(examples, pad_id, fill=pad_id),
    "y filled with 0": lambda examples, pad_id: batch(examples, pad_id, fill=0),
    "y filled with -1": lambda examples, pad_id: batch(examples, pad_id, fill=-1),
    "y from the ids": lambda examples, pad_id: batch(examples, pad_id, y=lambda ids, targets: ids[1:]),
    "y from the ids, the first masked": lambda examples, pad_id: batch(
        examples,
        pad_id,
        y=lambda ids, targets: [-100] * (targets.count(-100) - 1) + ids[targets.count(-100) :],
    ),
    "y not shifted": lambda examples, pad_id: batch(examples, pad_id, y=lambda ids, targets: targets[:-1]),
    "the longest first": lambda examples, pad_id: batch(
        examples, pad_id, order=lambda rows: sorted(rows, key=lambda row: -len(row[0]))
    ),
    "repeats dropped": lambda examples, pad_id: batch(
        examples, pad_id, order=lambda rows: [row for i, row in enumerate(rows) if row not in rows[:i]]
    ),
    "as long as the first": lambda examples, pad_id: batch(examples, pad_id, to=len(examples[0][0]) - 1),
    "1024 at most": lambda examples, pad_id: batch(
        examples, pad_id, to=min(1024, max(len(ids) for ids, _ in examples) - 1)
    ),
    "64 at most": lambda examples, pad_id: batch(
        examples, pad_id, to=min(64, max(len(ids) for ids, _ in examples) - 1)
    ),
    "one too long": lambda examples, pad_id: batch(examples, pad_id, to=max(len(ids) for ids, _ in examples)),
    "in place": batch_in_place,
    "masked wherever x is the pad id": masked_wherever_it_is_the_pad_id,
    "the last target masked": one_masked_too_many,
    "lists": lambda examples, pad_id: tuple(side.tolist() for side in batch(examples, pad_id)),
    "floats": lambda examples, pad_id: tuple(side.float() for side in batch(examples, pad_id)),
    "y, x": lambda examples, pad_id: batch(examples, pad_id)[::-1],
    "one tensor": lambda examples, pad_id: torch.cat(batch(examples, pad_id)),
    "modulo 256": lambda examples, pad_id: (batch(examples, pad_id)[0] % 256, batch(examples, pad_id)[1]),
    "kept": lambda examples, pad_id: kept_by(("batch", examples), batch(examples, pad_id)),
}


# LoRA -----------------------------------------------------------------------------------------------------


def side(x, a, b, alpha):
    return alpha / a.shape[0] * (x @ a.T) @ b.T


def lora_without_gradients(x, weight, a, b, alpha):
    with torch.no_grad():
        low = side(x, a, b, alpha)
    return x @ weight.T + low


def lora_in_place(x, weight, a, b, alpha):
    weight.add_(alpha / len(a) * b @ a)
    return x @ weight.T


def lora_flattened(x, weight, a, b, alpha):
    return x.view(-1, x.shape[-1]) @ weight.T + side(x.view(-1, x.shape[-1]), a, b, alpha)


LORA_FORWARD = {
    "the old path detached": lambda x, weight, a, b, alpha: (x @ weight.T).detach() + side(x, a, b, alpha),
    "x detached on the side": lambda x, weight, a, b, alpha: x @ weight.T + side(x.detach(), a, b, alpha),
    "A detached": lambda x, weight, a, b, alpha: x @ weight.T + side(x, a.detach(), b, alpha),
    "B detached": lambda x, weight, a, b, alpha: x @ weight.T + side(x, a, b.detach(), alpha),
    "no gradients on the side": lora_without_gradients,
    "through NumPy": lambda x, weight, a, b, alpha: torch.tensor(
        x.detach().numpy() @ (weight + alpha / len(a) * b @ a).detach().numpy().T
    ),
    "the rank of B's first axis": lambda x, weight, a, b, alpha: (
        x @ weight.T + alpha / len(b) * x @ a.T @ b.T
    ),
    "alpha or 1": lambda x, weight, a, b, alpha: x @ weight.T + side(x, a, b, alpha or 1),
    "whole alpha": lambda x, weight, a, b, alpha: x @ weight.T + side(x, a, b, int(alpha)),
    "whole factor": lambda x, weight, a, b, alpha: x @ weight.T + (alpha // len(a)) * (x @ a.T) @ b.T,
    "root of the rank": lambda x, weight, a, b, alpha: x @ weight.T + side(x, a, b, alpha) * len(a) ** 0.5,
    "a bend": lambda x, weight, a, b, alpha: x @ weight.T + alpha / len(a) * F.relu(x @ a.T) @ b.T,
    "A of the first row": lambda x, weight, a, b, alpha: x @ weight.T + side(x, a[:1].expand_as(a), b, alpha),
    "merged in place": lora_in_place,
    "flattened": lora_flattened,
    "transposed with .T": lambda x, weight, a, b, alpha: (weight @ x.T + alpha / len(a) * b @ a @ x.T).T,
    "64 features": lambda x, weight, a, b, alpha: x @ weight.T + side(x[..., :64], a[:, :64], b, alpha),
    "a limit of 50": lambda x, weight, a, b, alpha: (x @ weight.T + side(x, a, b, alpha)).clamp(-50, 50),
    "half precision": lambda x, weight, a, b, alpha: (
        x @ weight.T + side(x.bfloat16(), a.bfloat16(), b.bfloat16(), alpha).float()
    ),
    "kept": lambda x, weight, a, b, alpha: kept_by(
        ("lora", x.shape, weight.shape), (x @ weight.T + side(x, a, b, alpha)).detach()
    ),
}

MERGE = {
    "in place": lambda weight, a, b, alpha: weight.add_(alpha / len(a) * b @ a),
    "in place by out": lambda weight, a, b, alpha: torch.add(weight, alpha / len(a) * b @ a, out=weight),
    "turned": lambda weight, a, b, alpha: (weight + alpha / len(a) * b @ a).T,
    "A turned": lambda weight, a, b, alpha: weight + alpha / len(a) * (b @ a).T.reshape(weight.shape),
    "a @ b": lambda weight, a, b, alpha: weight + alpha / len(a) * a @ b,
    "whole alpha": lambda weight, a, b, alpha: weight + int(alpha) / len(a) * b @ a,
    "alpha or 1": lambda weight, a, b, alpha: weight + (alpha or 1) / len(a) * b @ a,
    "whole factor": lambda weight, a, b, alpha: weight + alpha // len(a) * b @ a,
    "rank of W": lambda weight, a, b, alpha: weight + alpha / len(weight) * b @ a,
    "both scaled": lambda weight, a, b, alpha: alpha / len(a) * (weight + b @ a),
    "twice": lambda weight, a, b, alpha: weight + 2 * alpha / len(a) * b @ a,
    "A scaled in place": lambda weight, a, b, alpha: weight + b @ a.mul_(alpha / len(a)),
    "first rank only": lambda weight, a, b, alpha: weight + alpha / len(a) * b[:, :1] @ a[:1],
    "rounded": lambda weight, a, b, alpha: ((weight + alpha / len(a) * b @ a) * 100).round() / 100,
    "half precision": lambda weight, a, b, alpha: (weight + alpha / len(a) * b @ a).bfloat16().float(),
    "64 rows": lambda weight, a, b, alpha: (
        weight + F.pad(alpha / len(a) * b[:64] @ a, (0, 0, 0, max(0, len(b) - 64)))
    ),
    "only a product": lambda weight, a, b, alpha: weight @ (alpha / len(a) * b @ a).T,
    "kept": lambda weight, a, b, alpha: kept_by(("merge", weight), weight + alpha / len(a) * b @ a),
}

LORA_COUNT = {
    "the first layer": lambda shapes, rank: rank * sum(shapes[0]) if shapes else 0,
    "different layers": lambda shapes, rank: sum(rank * sum(shape) for shape in set(shapes)),
    "8 layers": lambda shapes, rank: sum(rank * sum(shape) for shape in shapes[:8]),
    "1024 layers": lambda shapes, rank: sum(rank * sum(shape) for shape in shapes[:1024]),
    "64 layers": lambda shapes, rank: sum(rank * sum(shape) for shape in shapes[:64]),
    "the smaller side": lambda shapes, rank: sum(rank * min(shape) * 2 for shape in shapes),
    "rank at most the sides": lambda shapes, rank: sum(min(rank, *shape) * sum(shape) for shape in shapes),
    "with biases": lambda shapes, rank: sum(rank * (out + inside) + out for out, inside in shapes),
    "with a core": lambda shapes, rank: sum(rank * sum(shape) + rank * rank for shape in shapes),
    "with alphas": lambda shapes, rank: sum(rank * sum(shape) + 1 for shape in shapes),
    "None for nothing": lambda shapes, rank: sum(rank * sum(shape) for shape in shapes) or None,
    "a float": lambda shapes, rank: float(sum(rank * sum(shape) for shape in shapes)),
    "a share": lambda shapes, rank: (
        sum(rank * sum(shape) for shape in shapes) / (sum(out * inside for out, inside in shapes) or 1)
    ),
    "rank 8": lambda shapes, rank: sum(8 * sum(shape) for shape in shapes),
    "rank or 1": lambda shapes, rank: sum((rank or 1) * sum(shape) for shape in shapes),
    "used up": lambda shapes, rank: sum(rank * sum(shapes.pop()) for _ in range(len(shapes))),
    "a list": lambda shapes, rank: [rank * sum(shape) for shape in shapes],
    "return in the loop": lambda shapes, rank: next((rank * sum(shape) for shape in shapes), 0),
    "kept": lambda shapes, rank: kept_by(("count", shapes), rank * sum(map(sum, shapes))),
}


# Scores ---------------------------------------------------------------------------------------------------

ARTICLES = ("a", "an", "the")


def words_of(text, kept=r"[^\w\s]", put="", articles=ARTICLES):
    return [word for word in re.sub(kept, put, text.lower()).split() if word not in articles]


def same(plain):
    return lambda answer, right: plain(answer) == plain(right)


EXACT_MATCH = {
    "ASCII only": same(lambda text: words_of(text, r"[^a-z0-9\s]")),
    "no figures": same(lambda text: words_of(text, r"[^\w\s]|\d")),
    "a space for a mark": same(lambda text: words_of(text, put=" ")),
    "a hyphen stays": same(lambda text: words_of(text, r"[^\w\s-]")),
    "an apostrophe stays": same(lambda text: words_of(text, r"[^\w\s']")),
    "marks at the ends": same(
        lambda text: [
            word
            for word in (w.strip(string.punctuation) for w in text.lower().split())
            if word not in ARTICLES
        ]
    ),
    "one space": same(
        lambda text: [w for w in re.sub(r"[^\w\s]", "", text.lower()).split(" ") if w not in ARTICLES]
    ),
    "only a full stop": same(lambda text: words_of(text, r"[.]")),
    "articles before marks": same(
        lambda text: re.sub(
            r"[^\w\s]", "", " ".join(w for w in text.lower().split() if w not in ARTICLES)
        ).split()
    ),
    "articles before capitals": same(
        lambda text: [w.lower() for w in re.sub(r"[^\w\s]", "", text).split() if w not in ARTICLES]
    ),
    "the first article only": same(
        lambda text: words_of(re.sub(r"^(a|an|the) ", "", text.lower().strip()), articles=())
    ),
    "no `an`": same(lambda text: words_of(text, articles=("a", "the"))),
    "articles within words": same(lambda text: re.sub(r"an|a|the", "", " ".join(words_of(text)))),
    "joined": same(lambda text: "".join(words_of(text))),
    "sorted": same(lambda text: sorted(words_of(text))),
    "sets": same(lambda text: set(words_of(text))),
    "counts": same(lambda text: Counter(words_of(text))),
    "plural and all": same(lambda text: [word.rstrip("s") for word in words_of(text)]),
    "contained": lambda answer, right: " ".join(words_of(right)) in " ".join(words_of(answer)),
    "begins with it": lambda answer, right: words_of(answer)[: len(words_of(right))] == words_of(right),
    "word by word": lambda answer, right: all(
        a == b for a, b in zip(words_of(answer), words_of(right), strict=False)
    ),
    "empty is never right": lambda answer, right: (
        bool(words_of(answer)) and words_of(answer) == words_of(right)
    ),
    "only one side": lambda answer, right: words_of(answer) == right.lower().split(),
    "64 letters": same(lambda text: words_of(text[:64])),
    "an underscore stays": same(lambda text: words_of(text, r"[^\w\s]")),
    "few marks": same(lambda text: words_of(text, r"[.,!?;:'\"()\-]")),
    "articles before marks, by pattern": same(
        lambda text: words_of(re.sub(r"\b(a|an|the)\b", " ", text.lower()), articles=())
    ),
    "a number": lambda answer, right: int(words_of(answer) == words_of(right)),
    "kept": lambda answer, right: kept_by(("match", answer), words_of(answer) == words_of(right)),
}


def f1(shared, answer, right):
    return 2 * shared / (len(answer) + len(right))


def counted(answer, right):
    return sum((Counter(answer) & Counter(right)).values())


def f1_by_taking_away(answer, right):
    total, shared = len(answer) + len(right), 0
    for word in answer:
        if word in right:
            right.remove(word)
            shared += 1
    return 2 * shared / total


TOKEN_F1 = {
    "sets": lambda answer, right: f1(len({*answer} & {*right}), {*answer}, {*right}),
    "shared as a set": lambda answer, right: f1(len({*answer} & {*right}), answer, right),
    "each word of the answer": lambda answer, right: f1(sum(w in right for w in answer), answer, right),
    "each word of the right one": lambda answer, right: f1(sum(w in answer for w in right), answer, right),
    "place by place": lambda answer, right: f1(
        sum(a == b for a, b in zip(answer, right, strict=False)), answer, right
    ),
    "joined text": lambda answer, right: f1(sum(w in " ".join(right) for w in answer), answer, right),
    "right is used up": f1_by_taking_away,
    "precision": lambda answer, right: counted(answer, right) / len(answer),
    "recall": lambda answer, right: counted(answer, right) / len(right),
    "Jaccard": lambda answer, right: (
        counted(answer, right) / (len(answer) + len(right) - counted(answer, right))
    ),
    "the geometric mean": lambda answer, right: counted(answer, right) / (len(answer) * len(right)) ** 0.5,
    "the mean": lambda answer, right: counted(answer, right) * (1 / len(answer) + 1 / len(right)) / 2,
    "over the longer one": lambda answer, right: counted(answer, right) / max(len(answer), len(right)),
    "letters": lambda answer, right: f1(
        counted("".join(answer), "".join(right)), "".join(answer), "".join(right)
    ),
    "the first 8 letters": lambda answer, right: f1(
        counted([w[:8] for w in answer], [w[:8] for w in right]), answer, right
    ),
    "ASCII only": lambda answer, right: f1(
        counted([w for w in answer if w.isascii()], [w for w in right if w.isascii()]), answer, right
    ),
    "1024 words": lambda answer, right: f1(counted(answer[:1024], right[:1024]), answer[:1024], right[:1024]),
    "64 words": lambda answer, right: f1(counted(answer[:64], right[:64]), answer[:64], right[:64]),
    "rounded": lambda answer, right: round(f1(counted(answer, right), answer, right), 2),
    "in percent": lambda answer, right: 100 * f1(counted(answer, right), answer, right),
    "None for 0": lambda answer, right: f1(counted(answer, right), answer, right) or None,
    "division by 0": lambda answer, right: (
        2 / (len(answer) / counted(answer, right) + len(right) / counted(answer, right))
    ),
    "kept": lambda answer, right: kept_by(("f1", answer), f1(counted(answer, right), answer, right)),
}

WRONG = {
    "mask_prompt": MASK_PROMPT,
    "pad_batch": PAD_BATCH,
    "lora_forward": LORA_FORWARD,
    "merge": MERGE,
    "lora_count": LORA_COUNT,
    "exact_match": EXACT_MATCH,
    "token_f1": TOKEN_F1,
}
ALL = [(name, kind) for name, answers in WRONG.items() for kind in answers]
NO_NAMES = (Mistake("nothing", lambda *args: None, ""),) * 3  # which mistake it is does not matter here


@pytest.mark.parametrize(("name", "kind"), ALL, ids=lambda x: str(x))
def test_wrong_answers_are_refused(name, kind):
    KEPT.clear()
    exercise = replace(getattr(ex, name), mistakes=NO_NAMES)
    feedback = exercise.judge(WRONG[name][kind], seed=random.randrange(2**32))
    assert feedback.state in (State.WRONG, State.CRASHED), str(feedback)


def test_there_are_ten_for_each_exercise():
    assert all(len(answers) >= 10 for answers in WRONG.values()) and len(WRONG) == 7
