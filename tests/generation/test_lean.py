"""course_lib.generation.lean: twins that compute the same, share everything, and respect hooks."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from course_lib.attention import capture_attention
from course_lib.config import GPTConfig
from course_lib.generation import GREEDY, SamplingConfig, generate, stream
from course_lib.generation.lean import lean
from course_lib.model import GPT

pytestmark = pytest.mark.usefixtures("one_thread")

V, CONTEXT = 23, 16


def make(seed: int = 0, **options) -> GPT:
    """A small GPT with weights so large that its choices are far from uniform."""
    config = GPTConfig(vocab_size=V, context_length=CONTEXT, n_layers=2, n_heads=6, width=24, **options)
    model = GPT(config, generator=torch.Generator().manual_seed(seed)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(12)
    return model


REST = (  # bias, tied, norms on queries and keys, key/value heads
    {"bias": True, "tie_embeddings": True},
    {"bias": False, "tie_embeddings": False, "qk_norm": True, "n_kv_heads": 3},
    {"bias": False, "qk_norm": True, "n_kv_heads": 1},
)
OPTIONS = [
    {"norm": norm, "activation": activation, "positions": positions, **rest}
    for norm, activation, positions, rest in itertools.product(
        ("layernorm", "rmsnorm"),
        ("gelu", "swiglu", "relu2"),
        ("learned", "sinusoidal", "rotary", "none"),
        REST,
    )
]
MIXED = [[3], [5, 7, 2, 11], [13, 17]]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(str(value) for value in o.values()))
@torch.no_grad()
def test_a_twin_computes_the_same_with_and_without_a_cache(options):
    model = make(**options)
    twin = lean(model)
    ids = torch.randint(V, (3, 7), generator=torch.Generator().manual_seed(1))
    expected = model(ids)
    assert torch.equal(twin(ids), expected)
    cache = twin.make_cache(3)
    first, second = twin(ids[:, :5], cache=cache), twin(ids[:, 5:6], cache=cache, last_only=True)
    assert torch.allclose(first, expected[:, :5], atol=1e-4)
    assert torch.allclose(second, expected[:, 5:6], atol=1e-4)


@pytest.mark.parametrize("options", OPTIONS[::7], ids=lambda o: "-".join(str(value) for value in o.values()))
@torch.no_grad()
def test_what_is_written_is_what_the_model_itself_would_write(options):
    """Prompts of different lengths, with a cache: at each place the token that the bare model likes best."""
    model = make(**options)
    for prompt, text in zip(MIXED, generate(model, MIXED, 9, sampling=GREEDY), strict=True):
        ids = list(prompt)
        for _ in range(9):
            logits = model(torch.tensor([ids]))[0, -1]
            written = text[len(ids)]
            assert logits[written] > logits.max() - 1e-3  # near ties are decided by rounding
            ids.append(written)


@torch.no_grad()
def test_half_precision_is_written_too():
    model = make(positions="rotary", qk_norm=True).bfloat16()
    texts = generate(model, MIXED, 5, sampling=SamplingConfig(temperature=0.7), generator=torch.Generator())
    assert [len(text) for text in texts] == [6, 9, 7]


def test_a_twin_shares_weights_and_leaves_the_model_alone():
    model = make()
    before = {name: id(part) for name, part in model.named_modules()}
    twin = lean(model)
    assert (
        twin.tokens.weight is model.tokens.weight
        and twin.blocks[1].mlp.up.weight is model.blocks[1].mlp.up.weight
    )
    assert {name: id(part) for name, part in model.named_modules()} == before
    assert type(model) is GPT and isinstance(twin, GPT) and type(twin) is not GPT
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        model.head.weight.mul_(2)
        assert torch.equal(twin(ids), model(ids))


def test_one_that_watches_still_sees_the_maps():
    model = make()
    plain = generate(model, [1, 2, 3], 5, sampling=GREEDY)
    with capture_attention(model) as maps:
        assert generate(model, [1, 2, 3], 5, sampling=GREEDY) == plain
    assert len(maps) == 2 and maps[0].shape == (1, 6, 1, 7)  # the last token looks at itself and six before


def test_one_may_begin_to_watch_while_a_text_is_written():
    model = make()
    steps = stream(model, [1, 2, 3], 4, sampling=GREEDY)
    next(steps)
    with capture_attention(model) as maps:
        next(steps)
        assert len(maps) == 2
    next(steps)
    assert not [m for m in model.modules() if getattr(m, "hook", None)]


class Doubler(nn.Linear):
    """A part of somebody else's: its class is not torch's, so its __call__ may do more than forward."""

    def __call__(self, x):
        return 2 * super().__call__(x)


def test_parts_with_hooks_and_foreign_parts_stay_as_they_are():
    model = nn.Sequential(nn.Linear(2, 3), Doubler(3, 5), nn.Linear(5, 7))
    seen = []
    handle = model[2].register_forward_hook(lambda module, args, out: seen.append(out.shape))
    twin = lean(model)
    x = torch.randn(2, 2)
    assert torch.equal(twin(x), model(x)) and len(seen) == 2
    assert twin[1] is model[1] and twin[2] is model[2] and twin[0] is not model[0]
    handle.remove()
    assert torch.equal(lean(model)(x), model(x)) and len(seen) == 2


def test_a_replaced_forward_is_respected():
    layer = nn.Linear(2, 2)
    layer.forward = lambda x: x + 1
    assert lean(layer) is layer


def test_dropout_follows_the_mode():
    model = make(dropout=0.5)
    with torch.no_grad():
        assert torch.equal(lean(model)(torch.tensor([[1, 2]])), model(torch.tensor([[1, 2]])))
    model.train()
    assert generate(model, [1, 2], 5, sampling=GREEDY) == generate(model.eval(), [1, 2], 5, sampling=GREEDY)


def test_only_the_last_logits():
    model, ids = make(), torch.tensor([[1, 2, 3], [4, 5, 6]])
    with torch.no_grad():
        last = model(ids, last_only=True)
        assert last.shape == (2, 1, V) and torch.allclose(last, model(ids)[:, -1:], atol=1e-5)
