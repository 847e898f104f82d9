"""The GPT: against transformers with the same weights, with and without the cache, all options, mistakes."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.attention import capture_attention
from course_lib.config import GPTConfig
from course_lib.interop.families import family_for
from course_lib.model import GPT, MLP, LayerNorm, RMSNorm, SwiGLU, layer_norm, rms_norm
from course_lib.model.activations import fast_gelu, gelu

SHAPE = {"vocab_size": 29, "context_length": 16, "n_layers": 3, "n_heads": 6, "width": 24}
LLAMA = {"norm": "rmsnorm", "activation": "swiglu", "positions": "rotary", "n_kv_heads": 2, "bias": False}

FAMILIES = {
    "gpt2": {},
    "gpt2 untied": {"tie_embeddings": False, "mlp_width": 35},
    "gpt2 relu2": {"activation": "relu2"},
    "gpt_neox": {"positions": "rotary"},
    "gpt_neox untied": {"positions": "rotary", "tie_embeddings": False, "rope_base": 500.0},
    "llama": {**LLAMA, "tie_embeddings": False},
    "llama tied, all heads": {**LLAMA, "n_kv_heads": None},
    "llama with biases": {**LLAMA, "bias": True, "norm_eps": 1e-3},
    "qwen3": {**LLAMA, "qk_norm": True, "tie_embeddings": False},
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gpt(seed=1, scale=0.2, **options):
    """A small model whose weights, norms and biases included, are large enough for every part to matter."""
    model = GPT(GPTConfig(**{**SHAPE, **options}))
    g = generator(seed)
    for parameter in model.parameters():
        noise = scale * torch.randn(parameter.shape, generator=g)
        parameter.data = 1 + noise if parameter.ndim == 1 and (parameter == 1).all() else noise
    return model


def some_ids(B=2, T=7, seed=0, V=29):
    return torch.randint(V, (B, T), generator=generator(seed))


def twin(model):
    """The same model as transformers has it."""
    from transformers import AutoConfig, AutoModelForCausalLM

    family = family_for(model.config)
    config = AutoConfig.for_model(
        family.model_type, **family.config_out(model.config), bos_token_id=0, eos_token_id=0
    )
    theirs = AutoModelForCausalLM.from_config(config).train()
    weights = family.weights_out(model)
    if family.model_type == "gpt_neox" and "embed_out.weight" in weights:
        weights["lm_head.weight"] = weights.pop(
            "embed_out.weight"
        )  # files and modules have different names there
    missing, unexpected = theirs.load_state_dict(weights, strict=False)
    assert not unexpected and all(name == "lm_head.weight" for name in missing)
    return theirs


# Parity


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_are_those_of_transformers(name):
    model = gpt(**FAMILIES[name])
    theirs, ids = twin(model), some_ids(T=16)
    with torch.no_grad():
        ours, expected = model(ids), theirs(ids).logits
    assert expected.std() > 0.3
    assert (ours - expected).abs().max() < 1e-5


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_are_those_of_transformers(name):
    model = gpt(**FAMILIES[name])
    theirs, ids, targets = twin(model), some_ids(), some_ids(seed=5).flatten()
    F.cross_entropy(model(ids).flatten(0, 1), targets).backward()
    F.cross_entropy(theirs(ids).logits.flatten(0, 1), targets).backward()
    # Their gradients, laid out as ours: the way in that weights take.
    named = dict(theirs.named_parameters())
    if model.config.positions == "rotary" and "lm_head.weight" in named and model.config.norm == "layernorm":
        named["embed_out.weight"] = named.pop("lm_head.weight")
    gradients = {n: p.grad for n, p in named.items()}
    expected = family_for(model.config).weights_in(gradients, model)
    for n, parameter in model.named_parameters():
        assert parameter.grad.abs().max() > 1e-6, n
        assert (parameter.grad - expected[n]).abs().max() < 1e-5, n


def test_attention_maps_are_those_of_transformers():
    model = gpt()
    theirs, ids = twin(model).eval(), some_ids()
    theirs.set_attn_implementation("eager")
    with torch.no_grad(), capture_attention(model) as maps:
        logits = model(ids)
        expected = theirs(ids, output_attentions=True)
    assert len(maps) == 3
    for ours, other in zip(maps, expected.attentions, strict=True):
        assert (ours - other).abs().max() < 1e-5
    assert (logits - expected.logits).abs().max() < 1e-5


def test_the_gpt2_preset_has_gpt2s_shapes():
    from transformers import GPT2Config, GPT2LMHeadModel

    with torch.device("meta"):
        ours, theirs = GPT(GPTConfig.preset("gpt2")), GPT2LMHeadModel(GPT2Config())
    assert ours.parameter_count() == sum(p.numel() for p in theirs.parameters()) == 124_439_808
    converted = family_for(ours.config).weights_out(ours)
    expected = {name: p.shape for name, p in theirs.named_parameters()}
    assert {name: w.shape for name, w in converted.items()} == expected


# The parts


def test_norms_are_torchs():
    x = torch.randn(2, 3, 7, generator=generator())
    weight, bias = torch.randn(2, 7, generator=generator(1))
    assert torch.allclose(layer_norm(x, weight, bias), F.layer_norm(x, (7,), weight, bias), atol=1e-6)
    assert torch.allclose(layer_norm(x, weight, eps=0.1), F.layer_norm(x, (7,), weight, eps=0.1), atol=1e-6)
    assert torch.allclose(rms_norm(x, weight, 0.1), F.rms_norm(x, (7,), weight, 0.1), atol=1e-6)
    for module, plain in (
        (LayerNorm(7), layer_norm),
        (LayerNorm(7, bias=False), layer_norm),
        (RMSNorm(7), rms_norm),
    ):
        nn.init.normal_(module.weight)
        assert torch.allclose(module(x), plain(x, module.weight), atol=1e-5)
    assert LayerNorm(7, bias=False).bias is None


def test_the_mlps_do_what_their_papers_say():
    x = torch.randn(2, 3, 6, generator=generator())
    config = {"n_heads": 2, "width": 6, "mlp_width": 7}
    mlp = MLP(GPTConfig(**config))
    u = mlp.up(x)
    bent = 0.5 * u * (1 + torch.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
    assert torch.allclose(mlp(x), mlp.down(bent), atol=1e-6)
    squared = MLP(GPTConfig(**config, activation="relu2"))
    assert torch.allclose(squared(x), squared.down(squared.up(x).clamp(min=0) ** 2), atol=1e-6)
    gated = SwiGLU(GPTConfig(**config, activation="swiglu"))
    gate = gated.gate(x)
    assert torch.allclose(gated(x), gated.down(gate * torch.sigmoid(gate) * gated.up(x)), atol=1e-6)


def test_gelu_is_torchs_with_its_slope_on_every_way():
    """Far out too, where exp would overflow or the gate is 0 or 1."""
    points = torch.cat([torch.linspace(-30, 30, 2001), torch.tensor([-1e4, 0.0, 1e4])])
    x, y = points.clone().requires_grad_(), points.clone().requires_grad_()
    expected, got = F.gelu(x, approximate="tanh"), fast_gelu(y)
    weights = torch.randn(len(points), generator=generator())
    (expected * weights).sum().backward()
    (got * weights).sum().backward()
    near = slice(0, 2001)
    assert torch.allclose(got[near], expected[near], atol=1e-6)
    assert torch.allclose(gelu(points)[near], expected[near], atol=1e-6)
    assert torch.allclose(y.grad[near], x.grad[near], atol=1e-5)
    assert torch.equal(got[2001:], torch.tensor([0.0, 0.0, 1e4]))
    assert torch.equal(y.grad[2001:] / weights[2001:], torch.tensor([0.0, 0.5, 1.0]))


def test_gelu_without_gradients_and_in_half_precision_is_torchs_own():
    x = torch.randn(3, 5, generator=generator())
    assert torch.equal(fast_gelu(x), F.gelu(x, approximate="tanh"))
    half = x.bfloat16().requires_grad_()
    assert fast_gelu(half).dtype == torch.bfloat16


def test_the_slope_of_the_slope_is_refused_not_wrong():
    x = torch.randn(3, requires_grad=True)
    (slope,) = torch.autograd.grad(fast_gelu(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable|does not require grad"):
        slope.sum().backward()


def test_gelu_keeps_no_more_for_the_way_back_than_torch_does():
    def kept(function):
        sizes = []
        x = torch.randn(3, 5, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            function(x)
        return sum(sizes)

    assert kept(fast_gelu) == kept(lambda x: F.gelu(x, approximate="tanh")) == 15


# All options, with each other

COMBINATIONS = list(
    itertools.product(
        ["layernorm", "rmsnorm"],
        ["gelu", "swiglu", "relu2"],
        ["learned", "sinusoidal", "rotary", "none"],
        [
            (True, True, False, None),
            (False, False, True, 3),
            (True, False, True, None),
            (False, True, False, 1),
        ],
    )
)


@pytest.mark.parametrize(("norm", "activation", "positions", "rest"), COMBINATIONS)
def test_every_combination_is_causal_trains_and_keeps_its_logits_under_a_cache(
    norm, activation, positions, rest
):
    bias, tied, qk_norm, kv_heads = rest
    model = gpt(
        norm=norm,
        activation=activation,
        positions=positions,
        bias=bias,
        tie_embeddings=tied,
        qk_norm=qk_norm,
        n_kv_heads=kv_heads,
        n_layers=2,
    )
    ids = some_ids()
    logits = model(ids)
    assert logits.shape == (2, 7, 29)
    changed = ids.clone()
    changed[:, 4] = (changed[:, 4] + 1) % 29
    difference = (model(changed) - logits).abs().amax(-1)
    assert difference[:, :4].max() < 1e-5 < difference[:, 4].min()

    F.cross_entropy(logits.flatten(0, 1), some_ids(seed=3).flatten()).backward()
    gone = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not gone
    assert any("bias" in name for name, _ in model.named_parameters()) == bias

    cache = model.make_cache(2)
    with torch.inference_mode():
        steps = [model(part, cache=cache) for part in ids.split([3, 1, 2, 1], dim=1)]
    assert (torch.cat(steps, 1) - logits).abs().max() < 1e-5


def test_positions_tell_the_order_and_none_does_not_tell_it_to_the_last_token():
    ids = some_ids(B=1)
    swapped = ids[:, [1, 0, *range(2, 7)]]
    for positions in ("learned", "sinusoidal", "rotary", "none"):
        model = gpt(positions=positions, n_layers=1)
        same = torch.allclose(model(ids)[:, -1], model(swapped)[:, -1], atol=1e-6)
        assert same == (positions == "none")


# The cache


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("parts", [[1] * 7, [7], [4, 3], [2, 1, 1, 3]])
def test_the_cache_changes_nothing(name, parts):
    model, ids = gpt(**FAMILIES[name]), some_ids()
    cache = model.make_cache(2)
    with torch.inference_mode():
        steps = [model(part, cache=cache) for part in ids.split(parts, dim=1)]
        assert cache.length == 7
        assert (torch.cat(steps, 1) - model(ids)).abs().max() < 1e-5


@pytest.mark.parametrize("name", [*FAMILIES, "sinusoidal", "none"])
@pytest.mark.parametrize("parts", [[1] * 7, [7], [4, 1, 2]])
def test_prompts_of_different_lengths_are_each_as_alone(name, parts):
    model = gpt(**FAMILIES.get(name, {"positions": name}))
    texts = [some_ids(1, length, seed=length) for length in (2, 7, 5)]
    ids = torch.cat([F.pad(text, (7 - text.shape[1], 0)) for text in texts])
    key_mask = torch.stack([torch.arange(7) >= 7 - text.shape[1] for text in texts])
    with torch.inference_mode():
        alone = [model(text)[0] for text in texts]
        whole = model(ids, key_mask=key_mask)
        cache, filled, steps = model.make_cache(3), 0, []
        for part in ids.split(parts, dim=1):
            filled += part.shape[1]
            steps.append(model(part, cache=cache, key_mask=key_mask[:, :filled]))
    for batch in (whole, torch.cat(steps, 1)):
        assert batch.isfinite().all()
        for row, expected in enumerate(alone):
            assert (batch[row, 7 - len(expected) :] - expected).abs().max() < 1e-5


def test_filling_up_on_the_right_or_nowhere_is_fine_too():
    model, ids = gpt(), some_ids()
    key_mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    with torch.inference_mode():
        masked = model(ids, key_mask=key_mask)
        assert (masked[0] - model(ids[:1])[0]).abs().max() < 1e-5
        assert (masked[1, :4] - model(ids[1:, :4])[0]).abs().max() < 1e-5


def test_what_stands_at_the_filling_does_not_matter():
    model, ids = gpt(**FAMILIES["llama"]), some_ids()
    key_mask = torch.tensor([[True] * 7, [False] * 3 + [True] * 4])
    other = ids.clone()
    other[1, :3] = 11
    with torch.inference_mode():
        assert torch.equal(model(ids, key_mask=key_mask)[1, 3:], model(other, key_mask=key_mask)[1, 3:])


def test_maps_can_be_captured_under_a_cache():
    model, ids = gpt(**FAMILIES["llama"]), some_ids()
    cache = model.make_cache(2)
    with torch.inference_mode(), capture_attention(model) as maps:
        model(ids[:, :4], cache=cache)
        logits = model(ids[:, 4:], cache=cache)
        assert maps[2].shape == (2, 6, 3, 7)
    with torch.inference_mode():
        assert (logits - model(ids)[:, 4:]).abs().max() < 1e-5


def test_the_cache_works_in_half_precision_and_under_autocast():
    ids = some_ids()
    for model, context in (
        (gpt().bfloat16(), torch.no_grad()),
        (gpt(), torch.autocast("cpu", torch.bfloat16)),
    ):
        with torch.inference_mode(), context:
            cache = model.make_cache(2)
            steps = [model(part, cache=cache) for part in ids.split([3, 1, 3], dim=1)]
            assert torch.allclose(torch.cat(steps, 1), model(ids), atol=0.1)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_going_through_half_precision_leaves_no_trace_in_the_tables(positions):
    model, ids = gpt(positions=positions), some_ids()
    with torch.inference_mode():
        model.load_state_dict(gpt(positions=positions).bfloat16().state_dict())
        expected = model(ids)
        assert torch.equal(model.bfloat16().float()(ids), expected)


# Weights


def test_fresh_weights_are_gpt2s():
    model = GPT(GPTConfig(vocab_size=300, width=64, n_heads=2, n_layers=8, mlp_width=300), generator())
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif "norm" in name:
            assert (parameter == 1).all()
        else:
            residual = name.endswith(("attention.out.weight", "mlp.down.weight"))
            assert parameter.std().item() == pytest.approx(0.02 / 4 if residual else 0.02, rel=0.1), name


def test_the_same_seed_gives_the_same_weights_whatever_happened_before():
    models = []
    for noise in (0, 5):
        torch.manual_seed(noise)
        models.append(GPT(GPTConfig(**SHAPE), generator(7)))
    assert all(torch.equal(a, b) for a, b in zip(*(m.parameters() for m in models), strict=True))
    assert not torch.equal(models[0].tokens.weight, GPT(GPTConfig(**SHAPE), generator(8)).tokens.weight)
    torch.manual_seed(7)
    by_global = GPT(GPTConfig(**SHAPE))
    torch.manual_seed(7)
    assert torch.equal(by_global.tokens.weight, GPT(GPTConfig(**SHAPE)).tokens.weight)


def test_a_fresh_model_is_close_to_knowing_nothing():
    ids = some_ids(B=5, T=16)
    for positions in ("learned", "sinusoidal", "rotary", "none"):
        model = GPT(GPTConfig(**SHAPE, positions=positions), generator())
        loss = F.cross_entropy(model(ids).flatten(0, 1), some_ids(5, 16, seed=1).flatten())
        assert loss.item() == pytest.approx(math.log(29), abs=0.05)


def test_tying_shares_the_matrix_and_counts_it_once():
    tied, untied = GPT(GPTConfig(**SHAPE)), GPT(GPTConfig(**SHAPE, tie_embeddings=False))
    assert tied.head.weight is tied.tokens.weight
    assert untied.parameter_count() - tied.parameter_count() == 29 * 24
    assert tied.parameter_count() - tied.parameter_count(embeddings=False) == (29 + 16) * 24
    assert untied.parameter_count(embeddings=False) == tied.parameter_count(embeddings=False) + 29 * 24


def test_a_model_learns_a_text_by_heart():
    model, ids = GPT(GPTConfig(**SHAPE), generator()), some_ids(B=3, T=9)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2


def test_dropout_is_for_training_only():
    model, ids = gpt(dropout=0.4), some_ids()
    assert not torch.equal(model(ids), model(ids))
    assert torch.allclose(model.eval()(ids), gpt()(ids), atol=1e-6)


# Mistakes


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (torch.zeros(7, dtype=torch.long), "shape \\(B, T\\)"),
        (torch.zeros(2, 7), "type torch.float32"),
        (torch.zeros(2, 0, dtype=torch.long), "at least 1"),
        (torch.zeros(2, 17, dtype=torch.long), "17 tokens, but the context holds 16"),
        (torch.tensor([[3, 29]]), "the id 29, but this model's ids go from 0 to 28"),
        (torch.tensor([[3, -1]]), "the id -1"),
    ],
)
@pytest.mark.parametrize("positions", ["learned", "rotary", "none"])
def test_ids_that_cannot_be_read_are_said(ids, said, positions):
    with pytest.raises(ValueError, match=said):
        gpt(positions=positions)(ids)


def test_int32_ids_are_fine():
    model, ids = gpt(), some_ids()
    assert torch.equal(model(ids.int()), model(ids))


def test_mistakes_with_caches_and_masks_are_said():
    model, ids = gpt(), some_ids()
    cache = model.make_cache(2, capacity=8)
    model(ids, cache=cache)
    with pytest.raises(ValueError, match="2 texts of 8 tokens, but got 2 of 9"):
        model(ids[:, :2], cache=cache)
    with pytest.raises(ValueError, match="3 of 8"):
        model(some_ids(3, 1), cache=cache)
    whole = model.make_cache(2)
    model(ids, cache=whole)
    with pytest.raises(ValueError, match="10 tokens after 7 in the cache"):
        model(some_ids(T=10), cache=whole)
    with pytest.raises(ValueError, match="booleans of shape \\(2, 7\\)"):
        model(ids, key_mask=torch.ones(2, 7))
    with pytest.raises(ValueError, match="shape \\(2, 9\\)"):
        model(ids[:, :2], cache=whole, key_mask=torch.ones(2, 2, dtype=torch.bool))
    for batch_size, capacity in ((0, None), (1, 17), (1, 0)):
        with pytest.raises(ValueError, match="make_cache got"):
            model.make_cache(batch_size, capacity)


def test_norms_on_queries_and_keys_do_not_mind_half_precision():
    """Their gain is float32 and the queries are not; torch would warn, and a warning is an error here."""
    config = GPTConfig(vocab_size=11, context_length=5, n_layers=1, n_heads=2, width=8, qk_norm=True)
    model = GPT(config, generator=generator())
    ids = torch.tensor([[1, 2, 3]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids)
    logits.float().sum().backward()
    assert torch.allclose(logits.float(), model(ids), atol=0.05)
    assert model.blocks[0].attention.q_norm.weight.grad is not None
