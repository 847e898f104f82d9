"""Exercises and quiz of notebook 08: what counts, filled batches, LoRA in three steps, two scores."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import torch

from course_lib.exercises import Case, Exercise, Mistake, Option, Question, Quiz

Tensor = torch.Tensor
Example = tuple[list[int], list[int]]


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# What counts ----------------------------------------------------------------------------------------------


def _mask_prompt(prompt: list[int], answer: list[int]) -> Example:
    """All ids in a row, and the targets: -100 for the prompt, the ids themselves for the answer."""
    ids = prompt + answer
    targets = [-100] * len(prompt) + answer
    return ids, targets


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
    ),
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
            "the targets are as long as the answer",
            lambda prompt, answer: (prompt + answer, list(answer)),
            "There must be one target for each id; otherwise nobody knows which place they belong to.",
        ),
        Mistake(
            "the first token of the answer is masked too",
            lambda prompt, answer: (prompt + answer, [-100] * (len(prompt) + 1) + answer[1:]),
            "The first token of the answer is the most important one: with it the model decides. It counts.",
        ),
        Mistake(
            "the targets are shifted already",
            lambda prompt, answer: (prompt + answer, [-100] * (len(prompt) - 1) + [*answer, -100]),
            "Here each target stands at its own token. The shift comes when the batch is made; done "
            "twice, the "
            "model would learn to skip a token.",
        ),
        Mistake(
            "the prompt is missing from the ids",
            lambda prompt, answer: (list(answer), list(answer)),
            "What is masked is only left out of the loss. The model has to read it, or it could only guess.",
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
)


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
            "it is filled up on the left",
            _padding(left=True),
            "In training the filling goes to the right: there no real token looks at it, and positions count "
            "from the text's own beginning.",
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


# LoRA -----------------------------------------------------------------------------------------------------


def _lora_forward(x: Tensor, weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """W x + (alpha / rank) B A x, for x (..., in), W (out, in), A (rank, in), B (out, rank)."""
    scale = alpha / a.shape[0]
    return x @ weight.T + scale * (x @ a.T) @ b.T


def _lora_cases() -> list[Case]:
    toy = torch.tensor([[1.0, 2.0]])
    cases = [Case(toy, torch.eye(2), torch.tensor([[1.0, 1.0]]), torch.tensor([[0.5], [2.0]]), 1.0)]
    for seed, (outer, inside, out, rank, alpha) in enumerate(
        (((2, 3), 5, 7, 2, 8.0), ((3,), 7, 5, 3, 3.0), ((2,), 3, 3, 2, 5.0))
    ):
        parts = [_random(*outer, inside, seed=seed), _random(out, inside, seed=seed + 10)]
        parts += [_random(rank, inside, seed=seed + 20), _random(out, rank, seed=seed + 30)]
        cases.append(Case(*parts, alpha))
    return cases


def _lora(scale: Callable[[Tensor, float], float], base: float = 1.0) -> Callable:
    return lambda x, weight, a, b, alpha: base * x @ weight.T + scale(a, alpha) * (x @ a.T) @ b.T


lora_forward = Exercise(
    name="lora_forward",
    topic="finetuning",
    title="A layer with a side path",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_lora_forward,
    cases=_lora_cases,
    hints=(
        "Two paths from x, and their sum. The first is the layer as it was: `x @ weight.T`.",
        "The second goes through the narrow place: first down to `rank` numbers, `x @ a.T`, then up again "
        "with `b`.",
        "The second is multiplied by `alpha / rank`; the rank is `a.shape[0]`.",
    ),
    explanation=(
        "`(x @ a.T) @ b.T` makes two small products. `x @ (b @ a).T` gives the same numbers, but builds a "
        "matrix as large as W on the way, at every step.\n\n"
        "The factor alpha / rank is there so that the rank can be changed without finding a new learning "
        "rate: a wider path would otherwise have a larger sum."
    ),
    mistakes=(
        Mistake(
            "the factor is missing",
            _lora(lambda a, alpha: 1.0),
            "The side path is multiplied by alpha / rank.",
        ),
        Mistake(
            "alpha is not divided by the rank",
            _lora(lambda a, alpha: alpha),
            "The factor is alpha / rank, with the rank from the shape of A: `a.shape[0]`.",
        ),
        Mistake(
            "alpha is divided by the width",
            _lora(lambda a, alpha: alpha / a.shape[1]),
            "`a.shape` is (rank, in). The rank is its first number.",
        ),
        Mistake(
            "the old layer is left out",
            _lora(lambda a, alpha: alpha / a.shape[0], base=0.0),
            "The side path is *added* to what the layer computed before: `x @ weight.T + ...`.",
        ),
        Mistake(
            "the factor is on both paths",
            lambda x, weight, a, b, alpha: alpha / a.shape[0] * (x @ weight.T + (x @ a.T) @ b.T),
            "Only the side path is scaled. The old layer must stay exactly what it was.",
        ),
        Mistake(
            "the old layer is turned by the side path as well",
            lambda x, weight, a, b, alpha: x @ weight.T * (1 + alpha / a.shape[0] * (x @ a.T) @ b.T),
            "The paths are added, not multiplied.",
        ),
    ),
)


def _merge(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """One matrix that does what both paths do: W + (alpha / rank) B A."""
    return weight + alpha / a.shape[0] * b @ a


def _merge_cases() -> list[Case]:
    return [Case(*case.args[1:]) for case in _lora_cases()]


def _in_place(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    weight += alpha / a.shape[0] * b @ a
    return weight


merge = Exercise(
    name="merge",
    topic="finetuning",
    title="Two paths become one matrix",
    kind="explore",
    difficulty="easy",
    minutes=6,
    reference=_merge,
    differentiable=False,
    cases=_merge_cases,
    hints=(
        "Going through A and then through B is one linear step. Which matrix does it?",
        "`B A`, in this order: `b @ a` has the shape of W. `a @ b` would be (rank, rank).",
        "Don't forget the factor of the side path: alpha / rank.",
    ),
    explanation=(
        "W x + s B A x = (W + s B A) x. After the merge nothing is left of LoRA: the model is as large "
        "and as "
        "fast as before. Before it, the base can be kept once, with a small file for each task."
    ),
    mistakes=(
        Mistake(
            "the factor is missing",
            lambda weight, a, b, alpha: weight + b @ a,
            "Merged, the layer must compute the same as with two paths: `alpha / a.shape[0]` belongs to B A.",
        ),
        Mistake(
            "only the change is given back",
            lambda weight, a, b, alpha: alpha / a.shape[0] * b @ a,
            "That is what is added. The new matrix is W and this together.",
        ),
        Mistake(
            "the change is subtracted",
            lambda weight, a, b, alpha: weight - alpha / a.shape[0] * b @ a,
            "A minus sign takes the side path out again (which is useful too, but later).",
        ),
        Mistake(
            "alpha is not divided by the rank",
            lambda weight, a, b, alpha: weight + alpha * b @ a,
            "The factor is alpha / rank; the rank is `a.shape[0]`.",
        ),
        Mistake(
            "W is changed in place",
            _in_place,
            "`weight += ...` changes the matrix that was handed in, and a second merge would add again. "
            "Give a "
            "new one: `weight + ...`.",
        ),
    ),
)


def _lora_count(shapes: list[tuple[int, int]], rank: int) -> int:
    """How many numbers LoRA learns for linear layers of these shapes (out, in)."""
    return sum(rank * inside + out * rank for out, inside in shapes)


_SHAPES = [(384, 128), (128, 128), (344, 128), (344, 128), (128, 344)]

lora_count = Exercise(
    name="lora_count",
    topic="finetuning",
    title="How much is learned?",
    kind="explore",
    difficulty="easy",
    minutes=5,
    reference=_lora_count,
    cases=(
        Case([(3, 5)], 2),
        Case([(7, 2), (2, 3)], 1),
        Case(_SHAPES, 8),
        Case([(5, 7), (7, 5), (5, 5)], 3),
        Case([], 4),
    ),
    hints=(
        "Each layer gets two matrices: A of shape (rank, in) and B of shape (out, rank).",
        "So it's `rank * in` numbers and `out * rank` more, for each layer.",
        "Add them up over all layers: `sum(... for out, inside in shapes)`.",
    ),
    explanation=(
        "The count grows with out + in, where the matrix itself has out × in. The wider the model, the more "
        "is saved: for a square matrix of width C the share is 2·rank / C."
    ),
    mistakes=(
        Mistake(
            "all numbers of the layers are counted",
            lambda shapes, rank: sum(out * inside for out, inside in shapes),
            "W is frozen. Only A and B learn.",
        ),
        Mistake(
            "W is counted too",
            lambda shapes, rank: sum(out * inside + rank * (out + inside) for out, inside in shapes),
            "W is there, but it doesn't learn. Count A and B only.",
        ),
        Mistake(
            "B is forgotten",
            lambda shapes, rank: sum(rank * inside for _, inside in shapes),
            "After A comes B, with out × rank numbers.",
        ),
        Mistake(
            "A is forgotten",
            lambda shapes, rank: sum(rank * out for out, _ in shapes),
            "Before B comes A, with rank × in numbers.",
        ),
        Mistake(
            "out and in are multiplied",
            lambda shapes, rank: sum(rank * out * inside for out, inside in shapes),
            "A has rank × in numbers and B has out × rank: add these two products.",
        ),
        Mistake(
            "only one layer is counted",
            lambda shapes, rank: rank * sum(shapes[0]) if shapes else 0,
            "Every layer in the list gets an A and a B.",
        ),
    ),
)


# Scores ---------------------------------------------------------------------------------------------------


def _exact_match(answer: str, right: str) -> bool:
    """Whether two answers are the same but for capitals, punctuation, articles and extra spaces."""

    def plain(text: str) -> list[str]:
        kept = "".join(letter for letter in text.lower() if letter.isalnum() or letter.isspace())
        return [word for word in kept.split() if word not in ("a", "an", "the")]

    return plain(answer) == plain(right)


_MATCHES = (
    Case("to the park", "to the park"),
    Case(" To the park. ", "to the park"),
    Case("Mia", "mia"),
    Case("a red kite", "the red kite"),
    Case("red  kite!", "red kite"),
    Case("to the park and home", "to the park"),
    Case("Tom", "Mia"),
    Case("Ann's hat", "Anns hat"),
    Case("the theatre", "theatre"),
    Case("a banana", "banana"),
    Case("an ant", "t"),
    Case("", "the"),
    Case("the kite", "a kite and a hat"),
)


def _matching(plain: Callable[[str], object]) -> Callable[[str, str], bool]:
    return lambda answer, right: plain(answer) == plain(right)


def _bare(text: str) -> str:
    return re.sub(r"[^\w\s]", "", text)


def _no_articles(text: str) -> list[str]:
    return [word for word in text.split() if word not in ("a", "an", "the")]


exact_match = Exercise(
    name="exact_match",
    topic="finetuning",
    title="The same answer?",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_exact_match,
    cases=_MATCHES,
    hints=(
        "Bring both answers into a plain form, and compare these with `==`. Write the plain form as a "
        "function, so that both go through the same.",
        "Small letters first (`.lower()`), then keep only letters, figures and spaces, then cut into words "
        "with `.split()`, which also forgets how many spaces there were.",
        "Articles are whole words: `[word for word in words if word not in ('a', 'an', 'the')]`.",
    ),
    explanation=(
        "These are the rules of SQuAD's scorer (Rajpurkar and others 2016): what a reader wouldn't call a "
        "difference isn't one. They are for English; another language needs other rules. Whoever reports an "
        "exact match has to say which rules it was made with."
    ),
    mistakes=(
        Mistake(
            "the answers are compared as they are",
            _matching(lambda text: text),
            "A capital or a full stop would make a right answer wrong. Bring both into a plain form first.",
        ),
        Mistake(
            "capitals count",
            _matching(lambda text: _no_articles(_bare(text))),
            "Use `.lower()`, and do it before you look for articles: *The* is one too.",
        ),
        Mistake(
            "punctuation counts",
            _matching(lambda text: _no_articles(text.lower())),
            "`park.` and `park` should be the same. Keep letters, figures and spaces, nothing else.",
        ),
        Mistake(
            "articles count",
            _matching(lambda text: _bare(text.lower()).split()),
            "*a kite*, *the kite* and *kite* are the same answer. Leave out `a`, `an` and `the`.",
        ),
        Mistake(
            "articles are cut out of other words",
            _matching(lambda text: re.sub(r"the|an|a", "", _bare(text.lower())).split()),
            "`.replace('a', '')` also eats the letters of *banana*. Cut into words first, then leave "
            "out whole "
            "words.",
        ),
        Mistake(
            "spaces count",
            _matching(lambda text: re.sub(r"\b(a|an|the)\b", "", _bare(text.lower())).strip()),
            "Where an article was taken out, or somebody typed two spaces, the texts still differ. "
            "`.split()` "
            "forgets how many spaces there were.",
        ),
        Mistake(
            "it is enough if the right answer occurs",
            lambda answer, right: (
                " ".join(_no_articles(_bare(right.lower()))) in " ".join(_no_articles(_bare(answer.lower())))
            ),
            "Then *Mia or Tom or Ann* would always be right. Exact match wants the answer and nothing else.",
        ),
    ),
)


def _token_f1(answer: list[str], right: list[str]) -> float:
    """The harmonic mean of precision and recall over words, each counted as often as it stands there."""
    shared = (Counter(answer) & Counter(right)).total()
    if shared == 0:
        return 0.0
    precision, recall = shared / len(answer), shared / len(right)
    return 2 * precision * recall / (precision + recall)


_F1 = (
    Case(["park"], ["to", "park"]),
    Case(["to", "park"], ["to", "park"]),
    Case(["red", "kite", "and", "hat"], ["red", "kite"]),
    Case(["red", "red", "kite"], ["red", "kite", "kite", "hat"]),
    Case(["park", "to"], ["to", "park"]),
    Case(["tom"], ["mia"]),
    Case(["a", "b", "c", "d", "e"], ["c"]),
)


def _mean_of(
    combine: Callable[[float, float], float], shared: Callable | None = None
) -> Callable[[list, list], float]:
    def answer(ours: list[str], theirs: list[str]) -> float:
        common = (shared or (lambda a, b: (Counter(a) & Counter(b)).total()))(ours, theirs)
        return combine(common / len(ours), common / len(theirs)) if common else 0.0

    return answer


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def _crashing(answer: list[str], right: list[str]) -> float:
    shared = (Counter(answer) & Counter(right)).total()
    return _harmonic(shared / len(answer), shared / len(right))


def _sets(answer: list[str], right: list[str]) -> float:
    ours, theirs = set(answer), set(right)
    shared = len(ours & theirs)
    return 2 * shared / (len(ours) + len(theirs))


token_f1 = Exercise(
    name="token_f1",
    topic="finetuning",
    title="Partly right",
    kind="explore",
    difficulty="medium",
    minutes=12,
    reference=_token_f1,
    cases=_F1,
    hints=(
        "First count the words that both have. A word that stands twice in one and once in the other is "
        "shared once.",
        "`Counter(answer) & Counter(right)` keeps the smaller count of each word; `.total()` adds them up. "
        "Precision is that over `len(answer)`, recall that over `len(right)`.",
        "F1 is `2 * precision * recall / (precision + recall)`. If nothing is shared, it is 0: return that "
        "before you divide.",
    ),
    explanation=(
        "Precision asks: how much of what was said is right? Recall asks: how much of what is right was "
        "said? "
        "The harmonic mean is high only if both are. Saying everything has perfect recall, and a poor F1.\n\n"
        "Written shorter, F1 is 2 · shared / (words in the answer + words in the right answer)."
    ),
    mistakes=(
        Mistake(
            "it divides by zero where nothing is shared",
            _crashing,
            "Without a shared word both precision and recall are 0, and so is the sum you divide by. "
            "Return 0.0 "
            "first.",
        ),
        Mistake(
            "only precision",
            _mean_of(lambda precision, recall: precision),
            "An answer of a single right word has precision 1, however much is missing. Recall belongs "
            "to it.",
        ),
        Mistake(
            "only recall",
            _mean_of(lambda precision, recall: recall),
            "An answer that lists every word of the story has recall 1. Precision belongs to it.",
        ),
        Mistake(
            "the ordinary mean instead of the harmonic one",
            _mean_of(lambda precision, recall: (precision + recall) / 2),
            "The ordinary mean gives half of the points for one of the two alone. Use 2·P·R / (P + R).",
        ),
        Mistake(
            "the two are multiplied",
            _mean_of(lambda precision, recall: precision * recall),
            "2·P·R still has to be divided by P + R; otherwise an answer that is half right gets a quarter.",
        ),
        Mistake(
            "words that stand there twice count once",
            _sets,
            "A set forgets how often a word stands there. A `Counter` knows.",
        ),
        Mistake(
            "every word of the answer that occurs is counted",
            _mean_of(_harmonic, lambda ours, theirs: sum(word in theirs for word in ours)),
            "*red red* against *red kite* shares one word, not two: each word of the right answer can "
            "be used "
            "once.",
        ),
        Mistake(
            "words are compared place by place",
            _mean_of(_harmonic, lambda a, b: sum(x == y for x, y in zip(a, b, strict=False))),
            "One word too many at the front, and nothing would fit any more. F1 doesn't ask for the order.",
        ),
    ),
)


quiz = Quiz(
    topic="finetuning",
    questions=(
        Question(
            "Why are the targets of the story -100?",
            (
                Option(
                    "So that the model can't see the story.",
                    "It sees the story: that is decided by the attention mask and the ids, not by targets.",
                ),
                Option(
                    "So that no loss is taken there: it is read, but not learned to be written.",
                    "All of the gradient then comes from the answers.",
                    right=True,
                ),
                Option(
                    "Because -100 is the id of the padding token.",
                    "No token has a negative id. It is a mark for the loss only.",
                ),
                Option(
                    "To make the batch shorter.",
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
                    "Nothing can ever be learned, since all gradients are zero.",
                    "A's gradient is zero at first, but B's is not: it depends on A x. After one step A "
                    "moves too.",
                ),
                Option(
                    "The layer gives out zeros.",
                    "Only the side path does. W x is still there.",
                ),
                Option(
                    "A must be all zeros too.",
                    "Then both gradients would be zero, and nothing would ever move.",
                ),
            ),
        ),
        Question(
            "What does LoRA save for certain?",
            (
                Option(
                    "The forward pass.",
                    "It becomes a little longer, until the matrices are merged.",
                ),
                Option(
                    "The base model's weights: they needn't be loaded.",
                    "They are frozen, but every token goes through them.",
                ),
                Option(
                    "Memory for gradients and the optimizer's averages, and room on the disk for each task.",
                    "Both are kept for the trained numbers only.",
                    right=True,
                ),
                Option(
                    "Data: it needs fewer examples.",
                    "It may overfit less, but that has to be measured for each task.",
                ),
            ),
        ),
        Question(
            "A model that was never shown an unanswerable question is asked one. What does it do, and why?",
            (
                Option(
                    "It refuses, since it notices that nothing fits.",
                    "Refusing is a text like any other, and one that it never saw. Something always "
                    "fits best.",
                ),
                Option(
                    "It lies.",
                    "Lying needs knowing better. It has learned what an answer looks like.",
                ),
                Option(
                    "It writes nothing.",
                    "It has to choose a next token. The end of the line is one, but never came there in "
                    "training.",
                ),
                Option(
                    "It writes an answer: in all of its examples an answer followed the question.",
                    "What it was trained on is what it does.",
                    right=True,
                ),
            ),
        ),
        Question(
            "Of 200 answers 180 are right. The interval goes from 85 % to 93 %. Which statement is fair?",
            (
                Option(
                    "The model is exactly 90 % right.",
                    "That's this sample. Another one would give another number.",
                ),
                Option(
                    "It is better than a model that got 178 of 200.",
                    "Two answers are far inside of the interval: chance alone explains such a difference.",
                ),
                Option(
                    "The true share may well be 87 %; more questions would narrow it down.",
                    "With four times as many questions the interval is about half as wide.",
                    right=True,
                ),
                Option(
                    "95 % of the questions were scored rightly.",
                    "The 95 % is about intervals that are made in this way, not about questions.",
                ),
            ),
        ),
    ),
)
