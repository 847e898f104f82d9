"""What the course adds to a learner's own parts, so that they are a program: the joints of `my_gpt.py`.

The text of these classes and functions goes into that file, where the names that are given here by the
course's answers mean the learner's. So nothing here may use the course in another way, or draw.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from course_lib.attention import exercises as attention_exercises
from course_lib.context import exercises as context_exercises
from course_lib.generation.exercises import assembly, dice, loop, scaling, truncation
from course_lib.model import exercises as model_exercises
from course_lib.tokens import exercises as token_exercises
from course_lib.training import exercises as training_exercises

learn_merges = token_exercises.learn_merges.reference
encode_piece = token_exercises.encode_piece.reference
decode_ids = token_exercises.decode_ids.reference
MultiHeadAttention = attention_exercises.MultiHeadAttention.reference
GPT = model_exercises.GPT.reference
windows = context_exercises.windows.reference
cross_entropy = context_exercises.cross_entropy.reference
learning_rate = training_exercises.learning_rate.reference
adamw_step = training_exercises.adamw_step.reference
train = training_exercises.train.reference
temperature = scaling.temperature.reference
top_p = truncation.top_p.reference
draw = dice.draw.reference
generate = loop.generate.reference
Storyteller = assembly.Storyteller.reference


class Tokenizer:
    """Byte-pair encoding: the 256 bytes, the merges that were learned, and the end of a text.

    >>> tokenizer = Tokenizer(["the theme of the thesis"], n_merges=3)
    >>> tokenizer.decode(tokenizer.encode("the theme")), tokenizer.vocab_size
    ('the theme', 260)
    """

    # Merges stay inside of a word with the space before it, a number, or a row of other signs.
    CUT = re.compile(
        r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]{1,40}| ?\d{1,40}| ?(?:[^\s\w]|_){1,40}|\s{1,40}(?!\S)|\s{1,40}"
    )
    ENOUGH = 20_000  # characters to learn the merges from: each merge counts all pairs again

    def __init__(
        self,
        texts: Iterable[str],
        n_merges: int = 300,
        merges: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        if merges is None:
            words = self.CUT.findall("\n".join(texts)[: self.ENOUGH])
            merges = learn_merges([word.encode() for word in words], n_merges)
        self.merges = list(merges)
        self.tokens = [bytes([byte]) for byte in range(256)]
        self.tokens += [left + right for left, right in self.merges]
        ids = {token: id for id, token in enumerate(self.tokens)}
        self.new_ids = {(ids[left], ids[right]): ids[left + right] for left, right in self.merges}
        self.end_id = len(self.tokens)
        self.vocab_size = self.end_id + 1
        self.known: dict[str, list[int]] = {}  # each word is worked out once

    def encode(self, text: str) -> list[int]:
        """The ids of a text."""
        words = self.CUT.findall(text)
        for word in set(words) - self.known.keys():
            self.known[word] = list(encode_piece(list(word.encode()), self.new_ids))
        return [id for word in words for id in self.known[word]]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids, without the end."""
        return decode_ids([int(id) for id in ids if id != self.end_id], self.tokens)


class AdamW:
    """The optimizer: one `adamw_step` for each weight, with averages of its own; biases do not decay.

    >>> weight = torch.nn.Parameter(torch.tensor([[1.0]]))
    >>> weight.grad, optimizer = torch.tensor([[0.5]]), AdamW([weight])
    >>> optimizer.param_groups[0]["lr"] = 0.1
    >>> optimizer.step(); weight.detach()
    tensor([[0.8900]])
    """

    def __init__(self, weights: Iterable[torch.nn.Parameter]) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": list(weights), "lr": 0.0}]
        self.state: dict[torch.nn.Parameter, tuple] = {}
        self.done = 0

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: ARG002
        """Forget the gradients."""
        for weight in self.param_groups[0]["params"]:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        self.done += 1
        for weight in self.param_groups[0]["params"]:
            if weight.grad is None:
                continue
            mean, square = self.state.get(weight) or (torch.zeros_like(weight), torch.zeros_like(weight))
            decay = 0.1 if weight.ndim > 1 else 0.0
            results = adamw_step(
                weight.detach().clone(), weight.grad, mean, square,
                self.done, self.param_groups[0]["lr"], (0.9, 0.95), 1e-8, decay,
            )  # fmt: skip
            # A step may compute with NumPy or in double precision; the weights stay what they are.
            moved, mean, square = (torch.as_tensor(result).to(weight) for result in results)
            self.state[weight] = mean, square
            weight.copy_(moved)


def choose(logits: torch.Tensor, dice: torch.Tensor) -> torch.Tensor:
    """The sampler: logits (1, V) and dice (1,) -> one id (1,).

    >>> choose(torch.tensor([[0.0, 9.0, 0.0]]), torch.tensor([0.5]))
    tensor([1])
    """
    kept = torch.as_tensor(top_p(torch.as_tensor(temperature(logits, 0.7)), 0.95))
    return torch.as_tensor(draw(kept, dice))


def train_and_tell(model, optimizer, batches, rate, measure, steps, every, max_norm):  # noqa: ANN001, ANN201
    """`train`, which says on the way how it goes."""
    done = 0

    def told(model):  # noqa: ANN001, ANN202
        nonlocal done
        done, loss = min(done + every, steps), measure(model)
        print(f"step {done:4}: {loss:.2f} nats per token", flush=True)
        return loss

    return train(model, optimizer, batches, rate, told, steps, every, max_norm)


PARTS = SimpleNamespace(
    Tokenizer=Tokenizer,
    GPT=GPT,
    windows=lambda ids, T: tuple(map(torch.as_tensor, windows(ids, T))),
    cross_entropy=cross_entropy,
    learning_rate=learning_rate,
    AdamW=AdamW,
    train=train_and_tell,
    choose=choose,
    generate=generate,
)


# The program --------------------------------------------------------------------------------------------

CONTEXT, WIDTH, HEADS, LAYERS = 64, 128, 4, 2
MOST = 1_000_000  # characters that are read: what a minute's training can use


def read_texts(path: str) -> tuple[list[str], list[str]]:
    """The texts of a file, and apart from them every tenth, which is not learned.

    They are divided by lines with `<|endoftext|>`, or else by empty lines.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(4 * MOST)
        text = raw.decode("utf-8-sig")[:MOST]
    except UnicodeDecodeError as error:
        if error.start < 4 * MOST - 4:  # else it is only the place at which it was cut
            sys.exit(f"{path} is no UTF-8 text (byte {error.start}); save it as UTF-8 and try again.")
        text = raw[: error.start].decode("utf-8-sig")[:MOST]
    except OSError as error:
        sys.exit(f"{path} can't be read ({error.strerror}); give the name of a text file.")
    border = r"\n<\|endoftext\|>\n" if "\n<|endoftext|>\n" in text else r"\n\s*\n"
    texts = [part.strip() for part in re.split(border, text.replace("\r\n", "\n")) if part.strip()]
    if len(texts) < 20:  # one long text
        texts = [text[at : at + 500] for at in range(0, len(text), 500)]
    if len(text) < 3000:
        sys.exit(f"{path} has {len(text)} characters; at least 3000 are needed to learn from.")
    return [t for i, t in enumerate(texts) if i % 10], texts[::10]


def made_anew(tokenizer: Any) -> Any:
    """A storyteller with fresh weights and this tokenizer."""
    parts = SimpleNamespace(**{**vars(PARTS), "Tokenizer": lambda texts: tokenizer})  # noqa: ARG005
    return Storyteller(parts, [], CONTEXT, WIDTH, HEADS, LAYERS)


def save(teller: Any, path: Path) -> None:
    """Merges and weights, in one file that is whole or not there."""
    merges = [[left.hex(), right.hex()] for left, right in teller.tokenizer.merges]
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        torch.save({"merges": merges, "weights": teller.model.state_dict()}, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load(path: Path) -> Any:
    """The storyteller that was saved. Nothing in the file is run."""
    if not path.is_file():
        sys.exit(f"There is no {path.name} yet; train first: python {Path(sys.argv[0]).name} stories.txt")
    try:
        saved = torch.load(path, weights_only=True)
        merges = [(bytes.fromhex(left), bytes.fromhex(right)) for left, right in saved["merges"]]
        teller = made_anew(Tokenizer([], merges=merges))
        teller.model.load_state_dict(saved["weights"])
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the file
        sys.exit(f"{path.name} doesn't fit this program ({type(error).__name__}); train again.")
    return teller


def main() -> None:
    """Train on a text, save, and write three texts; without a text, write with what was saved."""
    parser = argparse.ArgumentParser(description="Your own GPT.")
    parser.add_argument("text", nargs="?", help="a UTF-8 text to learn from; without it: only write")
    parser.add_argument("--steps", type=int, default=500, help="how long to train; 0: not at all")
    parser.add_argument("--prompt", default="One morning,", help="how the three texts begin that it writes")
    parser.add_argument("--tokens", type=int, default=60, help="how long each is at most")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.steps < 0 or asked.tokens < 1:
        sys.exit(f"--steps {asked.steps} and --tokens {asked.tokens}: give 0 or more, and 1 or more.")
    kept, chance = Path(__file__).with_suffix(".pt"), torch.Generator().manual_seed(asked.seed)
    torch.manual_seed(asked.seed)
    if asked.text is None:
        teller = load(kept)
    else:
        texts, unseen = read_texts(asked.text)
        tokenizer = Tokenizer(texts)
        while len(unseen) > 1 and sum(map(len, unseen)) > 20_000:
            unseen.pop()
        for some in (texts, unseen):
            if sum(1 + len(tokenizer.encode(text)) for text in some) <= CONTEXT:
                sys.exit(f"{asked.text} says too little: it is {CONTEXT} tokens or less, all in all.")
        teller = made_anew(tokenizer)
        size = sum(weight.numel() for weight in teller.model.parameters())
        print(f"{tokenizer.vocab_size} tokens, {size:,} parameters, {len(texts)} texts to learn from")
        if asked.steps:
            teller.learn(texts, unseen, asked.steps, 16, 4e-3, max(1, asked.steps // 5), chance)
            save(teller, kept)
    for _ in range(3):
        text = teller.write(asked.prompt, asked.tokens, chance)
        print("".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text), flush=True)
