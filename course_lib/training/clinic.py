"""The clinic: six real trainings of a tiny GPT, each with one fault, and a healthy one to compare them with.

Every training takes a few seconds, reads the little world letter by letter, and follows a `Plan`; a fault is
a function that changes one thing in it. What is shown of a training (its curves, the loss measured again, the
loss on fresh stories, what it writes) is the same for all, so that only the findings tell them apart. This
module does not know how curves are drawn, or who is asked for a diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from course_lib.arguments import SEEDS, check_instance, shown, whole
from course_lib.config import GPTConfig
from course_lib.context import encode_documents
from course_lib.context.batches import check_stream
from course_lib.data import load_corpus
from course_lib.model import GPT
from course_lib.tokens import CharTokenizer
from course_lib.training.evaluation import Batch, evaluate, mode
from course_lib.training.loop import train
from course_lib.training.recipe import History, TrainConfig
from course_lib.world.corpus import stated_floor

# No norms on queries and keys: with them, a high rate does less harm in the first steps.
SHAPE = GPTConfig.preset("tiny", context_length=64, width=64, n_heads=2, qk_norm=False, dropout=0.2)
RECIPE = TrainConfig(
    steps=250, batch_size=8, lr=1.5e-2, warmup=0.3, schedule="linear", log_every=10, eval_every=20
)
MEASURED = 32  # windows that a validation loss is the mean of
WRITTEN = 120  # letters in a sample


@dataclass(frozen=True)
class Letters:
    """Stories as streams of letters: to learn from, to validate on, and fresh ones that nobody has looked at.

    Shapes: the three streams (N,).
    Units: `floor` is in nats per letter; no honest model comes below it.

    >>> tokenizer = CharTokenizer.train("abc")
    >>> stream = encode_documents(["cab"], tokenizer)
    >>> letters = Letters(tokenizer, train=stream, validation=stream, fresh=stream, floor=0.1)
    >>> letters.train.tolist(), letters.tokenizer.decode(letters.train[1:4])
    ([3, 2, 0, 1, 3], 'cab')
    """

    tokenizer: CharTokenizer
    train: torch.Tensor
    validation: torch.Tensor
    fresh: torch.Tensor
    floor: float


def load_letters(documents: int = 1000) -> Letters:
    """The first English stories of the little world, and a tenth as many to validate on and to keep fresh.

    >>> letters = load_letters(documents=20)
    >>> len(letters.validation) < len(letters.train), 0.05 < letters.floor < 0.15
    (True, True)
    """
    documents = whole("load_letters", "documents", documents, least=10)
    corpus = load_corpus("world-en")
    tokenizer = CharTokenizer.train(corpus.train)
    held = documents // 10
    parts = corpus.train[:documents], corpus.validation[:held], corpus.splits["heldout"][:held]
    nats = stated_floor("validation", "en").nats_per_document
    length = sum(len(text) + 1 for text in corpus.validation) / len(corpus.validation)  # 1: its end
    return Letters(tokenizer, *(encode_documents(part, tokenizer) for part in parts), floor=nats / length)


# A training and its faults --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """All that a training is made of; a fault changes one thing in it.

    Shapes: train and validation (N,).

    >>> model = GPT(GPTConfig(vocab_size=11, context_length=3, n_layers=1, n_heads=1, width=2))
    >>> plan = Plan(model, train=torch.arange(9), validation=torch.arange(5))
    >>> [(x, y)] = plan.measure(plan.validation)
    >>> x.tolist(), y.tolist()
    ([[0, 1, 2], [1, 2, 3]], [[1, 2, 3], [2, 3, 4]])
    """

    model: GPT
    train: torch.Tensor
    validation: torch.Tensor
    recipe: TrainConfig = RECIPE
    shift: int = 1  # how far a target stands behind its input

    def draw(self, generator: torch.Generator) -> Batch:
        """Windows from anywhere in the training text."""
        pieces = self._pieces(self.train, stride=1)
        return self._pair(pieces[torch.randint(len(pieces), (self.recipe.batch_size,), generator=generator)])

    def measure(self, ids: torch.Tensor) -> list[Batch]:
        """The same few windows each time, evenly spaced over a text."""
        return [self._pair(self._pieces(ids, stride=max(1, len(ids) // MEASURED)))]

    def _pieces(self, ids: torch.Tensor, stride: int) -> torch.Tensor:
        return ids.unfold(0, self.model.config.context_length + 1, stride)

    def _pair(self, pieces: torch.Tensor) -> Batch:
        T = pieces.shape[1] - 1
        return pieces[:, :T], pieces[:, self.shift : self.shift + T]


def healthy(plan: Plan) -> Plan:
    """Nothing is changed.

    >>> plan = Plan(model=None, train=torch.arange(9), validation=torch.arange(5))
    >>> healthy(plan) is plan
    True
    """
    return plan


def targets_not_shifted(plan: Plan) -> Plan:
    """Each letter is its own target: the model learns to copy its input.

    >>> plan = Plan(model=None, train=torch.arange(9), validation=torch.arange(5))
    >>> plan.shift, targets_not_shifted(plan).shift
    (1, 0)
    """
    return replace(plan, shift=0)


def no_mask(plan: Plan) -> Plan:
    """Every letter may look at all letters, also at those that it is to predict.

    >>> model = no_mask(Plan(GPT(SHAPE).eval(), train=torch.arange(9), validation=torch.arange(5))).model
    >>> torch.equal(model(torch.tensor([[1, 2, 3]]))[:, 0], model(torch.tensor([[1, 2, 4]]))[:, 0])
    False
    """

    def see_everything(attention: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        x, _, *rest = inputs
        return x, torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), *rest

    for block in plan.model.blocks:
        block.attention.register_forward_pre_hook(see_everything)
    return plan


def rate_too_high(plan: Plan) -> Plan:
    """A hundred times the rate.

    >>> plan = Plan(model=None, train=torch.arange(9), validation=torch.arange(5))
    >>> plan.recipe.lr, rate_too_high(plan).recipe.lr
    (0.015, 1.5)
    """
    return replace(plan, recipe=replace(plan.recipe, lr=100 * plan.recipe.lr))


def no_warmup(plan: Plan) -> Plan:
    """The highest rate from the first step on, when Adam has seen a single gradient.

    >>> plan = Plan(model=None, train=torch.arange(9), validation=torch.arange(5))
    >>> plan.recipe.warmup, no_warmup(plan).recipe.warmup
    (0.3, 0.0)
    """
    return replace(plan, recipe=replace(plan.recipe, warmup=0.0))


def validated_in_training(plan: Plan) -> Plan:
    """Nobody calls `model.eval()`: dropout stays on whatever the model is used for.

    >>> plan = Plan(GPT(SHAPE).eval(), train=torch.arange(9), validation=torch.arange(5))
    >>> model = validated_in_training(plan).model
    >>> torch.equal(model(torch.tensor([[1, 2, 3]])), model(torch.tensor([[1, 2, 3]])))
    False
    """
    forward = plan.model.forward

    def forward_in_training(*inputs: Any, **options: Any) -> torch.Tensor:
        with mode(plan.model, training=True):
            return forward(*inputs, **options)

    plan.model.forward = forward_in_training
    return plan


def leaked_validation(plan: Plan) -> Plan:
    """The text to validate on stands in the place of the last training text; all else is as it was.

    >>> plan = leaked_validation(Plan(model=None, train=torch.arange(9), validation=torch.tensor([10, 11])))
    >>> plan.train.tolist(), plan.validation.tolist()
    ([0, 1, 2, 3, 4, 5, 6, 10, 11], [10, 11])
    """
    kept = max(0, len(plan.train) - len(plan.validation))
    return replace(plan, train=torch.cat([plan.train[:kept], plan.validation]))


HEALTHY = "healthy"
FAULTS: dict[str, Callable[[Plan], Plan]] = {
    fault.__name__: fault
    for fault in (
        targets_not_shifted,
        no_mask,
        rate_too_high,
        no_warmup,
        validated_in_training,
        leaked_validation,
    )
}
LETTERS = {  # the answers
    "A": "leaked_validation",
    "B": "no_mask",
    "C": "rate_too_high",
    "D": "validated_in_training",
    "E": "targets_not_shifted",
    "F": "no_warmup",
}


# The runs -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What can be seen of a training from outside, without the name of its fault.

    Units: nats per letter.

    >>> case = Case("A", History(), again=(2.5, 2.5, 2.5), fresh_loss=4.0, sample="He ran.")
    >>> case.fresh_loss - case.again[0]  # fresh stories are harder for it
    1.5
    """

    letter: str  # "A" to "F"; "" for one without a label
    history: History
    again: tuple[float, ...]  # the finished model's validation loss, measured three times over
    fresh_loss: float  # the same measurement on fresh stories
    sample: str  # what the model writes


def run_case(
    fault: str, letters: Letters, seed: int = 0, letter: str = "", recipe: TrainConfig = RECIPE
) -> Case:
    """Train a tiny GPT with one of `FAULTS`, or with "healthy" as it should be, and examine it.

    Equal seeds give equal cases; torch's global random state is left as it was.

    Raises: ValueError for a fault that there is not.

    >>> case = run_case("no_warmup", load_letters(20), recipe=TrainConfig(steps=2, batch_size=2))
    >>> case.history.steps, case.again[0] == case.again[1]
    ((2,), True)
    """
    check_instance("run_case", "letters", letters, Letters, "Letters, such as load_letters()")
    check_instance("run_case", "recipe", recipe, TrainConfig, "a TrainConfig")
    check_instance("run_case", "letter", letter, str, "a letter, such as 'A', or ''")
    seed = whole("run_case", "seed", seed, *SEEDS)
    if fault != HEALTHY and (not isinstance(fault, str) or fault not in FAULTS):
        raise ValueError(
            f"run_case got the fault {shown(fault)}; it must be {HEALTHY}, or one of {', '.join(FAULTS)}."
        )
    for stream in (letters.train, letters.validation, letters.fresh):  # all are measured in the end
        check_stream(stream, SHAPE.context_length)
    shape = replace(SHAPE, vocab_size=letters.tokenizer.vocab_size)
    with torch.random.fork_rng(devices=[]):  # dropout may still be on when the training is over
        torch.manual_seed(seed)
        model = GPT(shape, torch.Generator().manual_seed(seed))
        plan = Plan(model, letters.train, letters.validation, replace(recipe, seed=seed))
        plan = FAULTS.get(fault, healthy)(plan)
        history = train(model, plan.draw, plan.recipe, val_ids=plan.measure(plan.validation))
        again = tuple(evaluate(model, plan.measure(plan.validation)) for _ in range(3))
        fresh_loss = evaluate(model, plan.measure(letters.fresh))
        return Case(letter, history, again, fresh_loss, _write(model, letters, seed))


def _write(model: GPT, letters: Letters, seed: int) -> str:
    """How the model goes on from the first letters of the first story, drawn letter by letter."""
    ids, chance = letters.train[None, 1:5], torch.Generator().manual_seed(seed)
    # The dice of `generate`, which comes in the next notebook: so the two write the same.
    chance.manual_seed(int(torch.randint(2**62, (1,), generator=chance)))
    with mode(model, training=False), torch.no_grad():
        for die in torch.rand(WRITTEN, generator=chance):
            logits = model(ids[:, -model.config.context_length :])[:, -1]
            heights = logits.softmax(-1).cumsum(-1)
            new = torch.searchsorted(heights, die * heights[:, -1:], right=True)
            ids = torch.cat([ids, new], dim=1)
    return letters.tokenizer.decode(ids[0].tolist())


def clinic(letters: Letters, seed: int = 0) -> list[Case]:
    """The six sick trainings, A to F; `LETTERS` has the diagnoses.

    It takes about twenty-five seconds of one core.
    """
    return [run_case(fault, letters, seed, letter) for letter, fault in LETTERS.items()]
