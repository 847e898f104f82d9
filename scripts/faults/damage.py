"""Files with something wrong in them: each must be refused in one sentence, or mean the same as before."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from course_lib import interop, runtime, training
from course_lib.config import GPTConfig
from course_lib.model import GPT
from course_lib.tokens import BPETokenizer
from faults import Part


def damaged(content: bytes, chance: random.Random) -> bytes:
    """A file's content with one thing wrong: bytes changed, lost, doubled or inserted, or cut somewhere."""
    place = chance.randrange(len(content))
    length = chance.choice((1, 1, 4, 64, 1024))
    kind = chance.randrange(6)
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:place] + content[place + length :]
    if kind == 2:
        return content[:place] + chance.randbytes(length) + content[place:]
    if kind == 3:
        return content[:place] + bytes(length) + content[place + length :]
    if kind == 4:
        return content[: place + length] + content[place:]
    return content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :]


def retold(content: bytes, chance: random.Random) -> bytes:
    """A JSON file with one value exchanged for one of another kind or size, still JSON."""
    data = json.loads(content)
    places = list(_places(data))
    holder, key = chance.choice(places)
    holder[key] = chance.choice(
        [None, -1, 0, 1.5, 2e7, 10**30, True, "", "x", [], {}, [[]], {"a": 1}, "\ud800"]
    )
    return json.dumps(data).encode()


def _places(data: object) -> Iterator[tuple]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inside:
        yield data, key
        yield from _places(value)


def outcome(load: Callable[[], object], same: Callable[[object], bool]) -> str | None:
    """What is wrong with how a file is met: it must be refused in one sentence, or mean the same."""
    began = time.monotonic()
    try:
        found = load()
    except ValueError as error:
        text = str(error)
        if "\n" in text.strip() or len(text) > 600:
            return f"refused in more than a sentence: {text[:200]!r}"
        return None if time.monotonic() - began < 20 else "refused only after 20 seconds"
    except Exception as error:  # noqa: BLE001 - just what is looked for
        return f"{type(error).__name__}: {str(error)[:200]}"
    return None if same(found) else "taken as if it were whole"


def checkpoints(share: float, folder: Path) -> Part:
    """Checkpoints of a training, damaged at random, and gone on with."""
    part = Part("checkpoints damaged at random", "refused in one sentence, the model left as it was")
    chance, place = random.Random(1), folder / "run.ckpt"
    config = GPTConfig(vocab_size=64, context_length=16, n_layers=1, n_heads=2, width=16)
    recipe = training.TrainConfig(steps=3, batch_size=2)
    ids = torch.randint(64, (500,), generator=runtime.seed(1))

    def model() -> GPT:
        return GPT(config, generator=runtime.seed(0))

    training.train(model(), ids, recipe, checkpoint_path=place)
    whole = place.read_bytes()
    for _ in range(max(8, round(200 * share))):
        content = damaged(whole, chance)
        if content == whole:
            continue
        place.write_bytes(content)
        net = model()
        before = _weights(net)
        go_on = partial(training.train, net, ids, recipe, checkpoint_path=place, resume=True)
        problem = outcome(go_on, lambda _: False)
        part.add(problem or (None if _weights(net) == before else "refused, and the model changed"))
    return part


def _weights(model: torch.nn.Module) -> str:
    parts = (weight.detach().contiguous().numpy().tobytes() for weight in model.parameters())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def files(share: float, folder: Path) -> Part:
    """Vocabularies, configurations and weights: a byte wrong, or a value that nobody expects."""
    part = Part(
        "vocabulary, configuration and weight files damaged", "refused in one sentence, or the same in effect"
    )
    chance = random.Random(2)
    tokenizer = BPETokenizer.train("the cat sat on the mat. 小猫坐在垫子上。 " * 9, vocab_size=300)
    config = GPTConfig(vocab_size=tokenizer.vocab_size, context_length=16, n_layers=1, n_heads=2, width=16)
    net = GPT(config, generator=runtime.seed(0))
    tokenizer.save(folder / "tokenizer")
    training.save_model(folder / "model.safetensors", net)
    interop.export_to_transformers(net, tokenizer, folder / "export")
    text = "the cat 小猫 <|endoftext|> 12"

    def reads_alike(found: BPETokenizer) -> bool:
        return found.decode(found.encode(text)) == text

    def weighs_alike(found: object) -> bool:
        model = found[0] if isinstance(found, tuple) else found
        return _weights(model) == _weights(net)

    loads = {
        "tokenizer": (partial(BPETokenizer.load, folder / "tokenizer"), reads_alike),
        "export": (partial(interop.import_from_transformers, folder / "export"), weighs_alike),
        "model": (partial(training.load_model, folder / "model.safetensors"), weighs_alike),
    }
    places = [(folder / "model.safetensors", "model")]
    places += [(path, "tokenizer") for path in sorted((folder / "tokenizer").iterdir())]
    places += [(path, "export") for path in sorted((folder / "export").iterdir()) if path.suffix != ".md"]
    for number in range(max(24, round(500 * share))):
        path, kind = places[number % len(places)]
        whole = path.read_bytes()
        spoil = retold if path.suffix == ".json" and chance.random() < 0.6 else damaged
        path.write_bytes(spoil(whole, chance))
        problem = outcome(*loads[kind])
        part.add(problem and f"{path.name}: {problem}")
        path.write_bytes(whole)
    return part
