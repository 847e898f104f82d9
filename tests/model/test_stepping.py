"""One token of one text at a time: the numbers of the model itself, to the last bit, or the model itself."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from course_lib.attention import capture_attention
from course_lib.config import GPTConfig
from course_lib.generation import GREEDY, generate
from course_lib.generation.decoding import Decoder
from course_lib.generation.lean import lean
from course_lib.model import GPT
from course_lib.model.stepping import Stepper, can_step

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPES = ((1, None), (6, None), (6, 3), (6, 1))  # heads, those of keys and values
REST = ({"bias": True}, {"bias": False, "tie_embeddings": False})
OPTIONS = [
    {
        "norm": norm,
        "activation": activation,
        "positions": positions,
        "n_heads": heads,
        "n_kv_heads": kv,
        **rest,
    }
    for (norm, activation), positions, (heads, kv), rest in itertools.product(
        (("layernorm", "gelu"), ("rmsnorm", "swiglu"), ("rmsnorm", "relu2")),
        ("learned", "sinusoidal", "rotary", "none"),
        SHAPES,
        REST,
    )
]
PLAIN = {"norm": "rmsnorm", "activation": "swiglu", "positions": "rotary", "bias": False, "n_kv_heads": 3}


def make(dtype: torch.dtype = torch.float32, **options) -> GPT:
    """A small GPT whose choices are far from uniform."""
    options = {"n_heads": 6, **options}
    config = GPTConfig(vocab_size=23, context_length=12, n_layers=2, width=24, **options)
    model = GPT(config, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(12 if weight.ndim == 2 else 1)
    return model.to(dtype)


def steps_agree(model: GPT) -> None:
    """A text is read on by the model and by its stepper, up to the end of the context."""
    stepper, (ours, theirs) = Stepper(lean(model)), (model.make_cache(1), model.make_cache(1))
    begin = torch.tensor([[3, 1, 4]])
    with torch.inference_mode():
        model(begin, cache=ours), model(begin, cache=theirs)
        for token in range(9):
            ids = torch.tensor([[token]])
            assert torch.equal(stepper(ids, ours), model(ids, cache=theirs))
        assert ours.length == theirs.length == 12
        with pytest.raises(ValueError, match="the context holds 12"):
            stepper(ids, ours)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(str(value) for value in o.values()))
def test_the_numbers_are_those_of_the_model(options):
    model = make(**options)
    assert can_step(model)
    steps_agree(model)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_in_other_number_formats(dtype):
    steps_agree(make(dtype, **PLAIN))


def test_who_cannot_step():
    model = make(**PLAIN)
    assert can_step(model) and not can_step(model.train())
    assert (
        not can_step(make(qk_norm=True)) and not can_step(lambda ids: ids) and not can_step(nn.Linear(2, 2))
    )
    hooked = make()
    hooked.blocks[1].mlp.register_forward_hook(lambda *_: None)
    assert not can_step(hooked)

    class Another(GPT):
        def forward(self, *args, **options):
            return -super().forward(*args, **options)

    assert not can_step(Another(GPTConfig(vocab_size=5, n_layers=1, n_heads=1, width=4)).eval())


def test_a_decoder_steps_where_it_can_and_else_asks_the_model(monkeypatch):
    model, asked = make(**PLAIN), []
    monkeypatch.setattr(Stepper, "__call__", lambda *args: asked.append(1) or original(*args))
    for prompts, steps in (([[1, 2]], 3), ([[1, 2], [3]], 0)):
        asked.clear()
        texts = Decoder(model, prompts, room=3)
        for _ in range(4):
            texts.next_logits()
            if texts.filled < texts._table.shape[1]:
                texts.append(torch.zeros(len(prompts), dtype=torch.int64))
        # A last question repeats the third step: nothing new is there, so the model is not asked for one.
        assert len(asked) == steps


def test_texts_are_the_same_past_the_context_and_with_maps_looked_at():
    model = make(**PLAIN)
    wanted = generate(model, [1, 2], 30, sampling=GREEDY, use_cache=False)
    assert generate(model, [1, 2], 30, sampling=GREEDY) == wanted
    with capture_attention(model) as maps:
        assert generate(model, [1, 2], 8, sampling=GREEDY) == wanted[:10]
    assert len(maps)


original = Stepper.__call__


def test_under_autocast_the_model_is_asked():
    model = make(**PLAIN)
    with torch.autocast("cpu", torch.bfloat16):
        texts = Decoder(model, [[1, 2]], room=2)
        texts.next_logits()
        texts.append(torch.tensor([3]))
        assert not texts._steps()
