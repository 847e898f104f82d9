"""course_lib.generation with its support modules sampling, decoding and beam."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib import generation
from course_lib.config import GPTConfig
from course_lib.generation import (
    GREEDY,
    PLAIN,
    Decoder,
    SamplingConfig,
    beam_search,
    draw,
    generate,
    stream,
    temperature,
)
from course_lib.model import GPT

pytestmark = pytest.mark.usefixtures("one_thread")

V, CONTEXT = 23, 32


def hf_gpt2(seed: int = 0, std: float = 0.6):
    """A tiny random GPT-2 of transformers, with weights so large that its choices are far from uniform."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=V,
        n_positions=CONTEXT,
        n_embd=20,
        n_layer=2,
        n_head=2,
        initializer_range=std,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    torch.manual_seed(seed)
    return GPT2LMHeadModel(config).eval()


class Wrapped:
    """A transformers model as ids -> logits, without a cache."""

    def __init__(self, model):
        self.model, self.calls = model, []

    def __call__(self, ids):
        self.calls.append(tuple(ids.shape))
        return self.model(ids).logits


class WrappedCache:
    def __init__(self):
        from transformers import DynamicCache

        self.inner = DynamicCache()

    def reorder(self, rows):
        self.inner.reorder_cache(rows)


class WrappedWithCache(Wrapped):
    """The same with the interface that our GPT has: make_cache, and a mask of real columns."""

    def make_cache(self, batch_size):
        return WrappedCache()

    def __call__(self, ids, cache=None, key_mask=None):
        self.calls.append(tuple(ids.shape))
        if cache is None:
            return self.model(ids).logits
        if key_mask is None:
            return self.model(ids, past_key_values=cache.inner, use_cache=True).logits
        positions = (key_mask.long().cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        return self.model(
            ids,
            past_key_values=cache.inner,
            attention_mask=key_mask.long(),
            position_ids=positions,
            use_cache=True,
        ).logits


def hf_generate(model, prompt, **options):
    """What transformers writes; without eos its length is fixed."""
    ids = torch.tensor(prompt if isinstance(prompt[0], list) else [prompt])
    options = {"pad_token_id": 0, "attention_mask": torch.ones_like(ids), **options}
    return model.generate(ids, **options)


@pytest.fixture(scope="module")
def hf():
    return hf_gpt2()


@pytest.fixture(scope="module")
def gpt():
    config = GPTConfig(vocab_size=V, context_length=CONTEXT, n_layers=2, n_heads=2, width=20)
    model = GPT(config, generator=torch.Generator().manual_seed(1)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.mul_(12)  # small random weights would say the same everywhere
    return model


MANY = list(range(14))  # so many stop tokens that texts end early
PROMPTS = [[3, 1, 4, 1, 5], [9, 2], [6, 5, 3, 5, 8, 9, 7]]


# processors ---------------------------------------------------------------------------------------


def hf_processors():
    from transformers import generation as theirs

    return {
        "temperature": (
            generation.temperature,
            theirs.TemperatureLogitsWarper,
            st.sampled_from([0.1, 0.7, 1.0, 3.0]),
        ),
        "top_k": (generation.top_k, theirs.TopKLogitsWarper, st.sampled_from([1, 2, 5, V, 1000])),
        "top_p": (
            generation.top_p,
            theirs.TopPLogitsWarper,
            st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.999, 1.0]),
        ),
        "min_p": (generation.min_p, theirs.MinPLogitsWarper, st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0])),
    }


@pytest.mark.parametrize("name", ["temperature", "top_k", "top_p", "min_p"])
def test_processors_equal_those_of_transformers(name):
    ours, theirs, values = hf_processors()[name]

    @settings(max_examples=60, deadline=None)
    @given(
        seed=st.integers(0, 2**31),
        value=values,
        rows=st.integers(1, 3),
        scale=st.sampled_from([0.1, 1.0, 10.0, 0.0]),
    )
    def check(seed, value, rows, scale):
        logits = scale * torch.randn(rows, V, generator=torch.Generator().manual_seed(seed))
        logits[0, 3] = logits[0, 4]  # a tie
        before = logits.clone()
        torch.testing.assert_close(ours(logits, value), theirs(value)(None, logits), rtol=0, atol=0)
        assert torch.equal(logits, before)

    check()


def test_top_p_keeps_no_more_than_it_needs():
    from transformers import TopPLogitsWarper

    logits = torch.zeros(1, 4)  # two of four equal tokens make exactly one half
    kept = generation.top_p(logits, 0.5)
    assert (kept > -math.inf).sum() == 2 and torch.equal(kept, TopPLogitsWarper(0.5)(None, logits))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), penalty=st.sampled_from([0.5, 1.0, 1.3, 10.0]), length=st.integers(1, 9))
def test_repetition_penalty_equals_transformers(seed, penalty, length):
    from transformers import RepetitionPenaltyLogitsProcessor

    generator = torch.Generator().manual_seed(seed)
    logits, ids = torch.randn(3, V, generator=generator), torch.randint(V, (3, length), generator=generator)
    expected = RepetitionPenaltyLogitsProcessor(penalty)(ids, logits)
    assert torch.equal(generation.repetition_penalty(logits, ids, penalty), expected)


def test_all_processors_together_equal_transformers_in_order():
    from transformers import LogitsProcessorList
    from transformers import generation as theirs

    config = SamplingConfig(temperature=0.7, top_k=12, top_p=0.9, min_p=0.05, repetition_penalty=1.4)
    their_list = LogitsProcessorList(
        [
            theirs.RepetitionPenaltyLogitsProcessor(1.4),
            theirs.TemperatureLogitsWarper(0.7),
            theirs.TopKLogitsWarper(12),
            theirs.TopPLogitsWarper(0.9),
            theirs.MinPLogitsWarper(0.05),
        ]
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        logits, ids = (
            2 * torch.randn(3, V, generator=generator),
            torch.randint(V, (3, 5), generator=generator),
        )
        assert torch.equal(config(logits, ids), their_list(ids, logits))


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": 0},
        {"top_k": 1.5},
        {"top_p": 1.1},
        {"top_p": -0.1},
        {"min_p": 2.0},
        {"repetition_penalty": 0.0},
    ],
)
def test_impossible_sampling_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SamplingConfig(**wrong)


# drawing ------------------------------------------------------------------------------------------


def test_draws_have_the_right_frequencies():
    probabilities = torch.tensor([0.5, 0.0, 0.3, 0.15, 0.05])
    dice = torch.rand(40_000, generator=torch.Generator().manual_seed(0))
    drawn = draw(probabilities.log().expand(40_000, 5), dice)
    shares = torch.bincount(drawn, minlength=5) / 40_000
    assert shares[1] == 0
    assert (shares - probabilities).abs().max() < 4 * math.sqrt(0.25 / 40_000)  # four standard errors


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), kept=st.integers(1, V), scale=st.sampled_from([0.1, 5.0, 50.0]))
def test_a_token_that_was_ruled_out_is_never_drawn(seed, kept, scale):
    generator = torch.Generator().manual_seed(seed)
    logits = generation.top_k(scale * torch.randn(1, V, generator=generator), kept)
    extremes = torch.tensor([0.0, torch.finfo(torch.float32).tiny, 0.5, 1 - 2**-24])
    drawn = draw(logits.expand(4, V), extremes)
    assert (logits[0, drawn] > -math.inf).all()


# greedy and sampled texts -------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", [Wrapped, WrappedWithCache])
@pytest.mark.parametrize("penalty", [1.0, 1.5])
def test_greedy_equals_transformers(hf, wrapper, penalty):
    config = SamplingConfig(temperature=0, repetition_penalty=penalty)
    for prompt in PROMPTS:
        theirs = hf_generate(hf, prompt, do_sample=False, max_new_tokens=20, repetition_penalty=penalty)
        assert generate(wrapper(hf), prompt, 20, sampling=config) == theirs[0].tolist()


@pytest.mark.parametrize("wrapper", [Wrapped, WrappedWithCache])
def test_greedy_with_a_stop_token_equals_transformers(hf, wrapper):
    for prompt in PROMPTS:
        free = generate(wrapper(hf), prompt, 20, sampling=GREEDY)
        stop = free[len(prompt) + 6]
        theirs = hf_generate(hf, prompt, do_sample=False, max_new_tokens=20, eos_token_id=stop)[0].tolist()
        ours = generate(wrapper(hf), prompt, 20, sampling=GREEDY, stop_tokens=[stop])
        assert ours == theirs and ours[-1] == stop


@pytest.mark.parametrize(
    "config", [GREEDY, SamplingConfig(temperature=1.2, top_p=0.95, repetition_penalty=1.2)]
)
def test_cached_and_uncached_texts_are_the_same_also_past_the_context(gpt, config):
    for prompts in (PROMPTS[0], PROMPTS):
        texts = [
            generate(
                gpt, prompts, 40, sampling=config, use_cache=cache, generator=torch.Generator().manual_seed(2)
            )
            for cache in (True, False)
        ]
        assert texts[0] == texts[1]
        assert (
            len(texts[0] if prompts is PROMPTS[0] else texts[0][0]) == 5 + 40
        )  # more than the context of 32


@pytest.mark.parametrize("make", ["hf", "hf cache", "gpt", "gpt uncached"])
@pytest.mark.parametrize("config", [GREEDY, SamplingConfig(temperature=1.5, repetition_penalty=1.3)])
def test_a_batch_of_unequal_prompts_equals_each_prompt_alone(hf, gpt, make, config):
    model = {"hf": Wrapped(hf), "hf cache": WrappedWithCache(hf)}.get(make, gpt)
    options = {
        "sampling": config,
        "use_cache": make != "gpt uncached",
        "context_length": CONTEXT,
        "stop_tokens": [11],
    }
    together = generate(model, PROMPTS, 38, generator=torch.Generator().manual_seed(4), **options)
    for row, prompt in enumerate(PROMPTS):
        # Alone in its row, among neighbours that are copies of it: the row has the same chance.
        copies = generate(model, [prompt] * 3, 38, generator=torch.Generator().manual_seed(4), **options)
        assert together[row] == copies[row]
    assert together[0] == generate(
        model, PROMPTS[0], 38, generator=torch.Generator().manual_seed(4), **options
    )


def test_same_seed_same_text_and_another_seed_another_text(gpt):
    def write(seed, **options):
        return generate(gpt, [PROMPTS[0]] * 2, 25, generator=torch.Generator().manual_seed(seed), **options)

    assert write(1) == write(1) != write(2)
    assert write(1)[0] != write(1)[1]  # two rows of one batch have chances of their own
    longer = generate(gpt, [PROMPTS[0]] * 2, 27, generator=torch.Generator().manual_seed(1))
    assert [text[: 5 + 25] for text in longer] == write(1)


def test_without_a_generator_torchs_global_one_decides(gpt):
    torch.manual_seed(5)
    first = generate(gpt, [1, 2], 20)
    second = generate(gpt, [1, 2], 20)
    torch.manual_seed(5)
    assert generate(gpt, [1, 2], 20) == first != second


def test_a_batch_of_twenty_begins_like_a_batch_of_two(gpt):
    texts = [generate(gpt, [[1, 2]] * n, 10, generator=torch.Generator().manual_seed(3)) for n in (2, 20)]
    assert texts[0] == texts[1][:2]


def test_sampled_tokens_follow_the_models_distribution(gpt):
    config = SamplingConfig(temperature=0.9, top_k=6)
    with torch.inference_mode():
        logits = gpt(torch.tensor([[3, 1, 4]]))[:, -1]
    expected = config(logits, torch.tensor([[3, 1, 4]])).softmax(-1)[0]
    texts = generate(gpt, [[3, 1, 4]] * 4000, 1, sampling=config, generator=torch.Generator().manual_seed(0))
    shares = torch.bincount(torch.tensor([text[-1] for text in texts]), minlength=V) / 4000
    assert (shares - expected).abs().max() < 4 * math.sqrt(0.25 / 4000)


# shapes of input and output, and the ends of texts ------------------------------------------------


def successor(ids):
    """Sure that after n comes n + 1."""
    return 50.0 * nn.functional.one_hot((ids + 1) % 10, 10)


def test_prompts_may_be_lists_or_tensors():
    assert generate(successor, torch.tensor([3, 4]), 2) == [3, 4, 5, 6]
    assert generate(successor, torch.tensor([[3], [7]]), 2) == [[3, 4, 5], [7, 8, 9]]
    assert generate(successor, [torch.tensor([3, 4]), [7]], 2) == [[3, 4, 5, 6], [7, 8, 9]]
    assert generate(successor, [[3]], 2) == [[3, 4, 5]]
    assert generate(successor, [torch.tensor(3), torch.tensor(4)], 1) == [3, 4, 5]
    assert generate(successor, [3], 0) == [3]


def test_each_text_of_a_batch_stops_for_itself():
    texts = generate(successor, [[1, 2], [8], [5, 6, 7, 8, 9]], 6, stop_tokens=[0, 4])
    assert texts == [[1, 2, 3, 4], [8, 9, 0], [5, 6, 7, 8, 9, 0]]
    assert generate(successor, [1], 6, stop_tokens=3) == [1, 2, 3]


def test_a_stop_token_in_the_prompt_does_not_stop():
    assert generate(successor, [0, 0], 3, stop_tokens=[0]) == [0, 0, 1, 2, 3]


def test_the_window_slides_over_a_full_context():
    seen = []

    def model(ids):
        seen.append(ids.tolist())
        return successor(ids)

    assert generate(model, [1, 2], 4, context_length=3) == [1, 2, 3, 4, 5, 6]
    assert seen == [[[1, 2]], [[1, 2, 3]], [[2, 3, 4]], [[3, 4, 5]]]
    seen.clear()
    assert generate(model, [[1], [5, 6, 7]], 3, context_length=3) == [[1, 2, 3, 4], [5, 6, 7, 8, 9, 0]]
    assert [rows[1] for rows in seen] == [[5, 6, 7], [6, 7, 8], [7, 8, 9]]
    assert [rows[0][:n] for rows, n in zip(seen, (1, 2, 3), strict=True)] == [[1], [1, 2], [1, 2, 3]]


def test_or_a_text_ends_where_the_context_is_full(gpt):
    options = {"context_length": 4, "overflow": "stop"}
    assert generate(successor, [1, 2], 9, **options) == [1, 2, 3, 4]
    assert generate(successor, [[1, 2, 3, 4], [5], [1, 2]], 2, **options) == [
        [1, 2, 3, 4],
        [5, 6, 7],
        [1, 2, 3, 4],
    ]
    assert len(generate(gpt, [1], 100, overflow="stop")) == CONTEXT


@pytest.mark.parametrize(
    "prompts, options, expected",
    [
        ([], {}, "prompt is empty"),
        ([[1], []], {}, "prompt is empty"),
        ([1] * (CONTEXT + 1), {}, "has 33 tokens, but the model's context holds 32"),
        ([1] * 5, {"context_length": 4}, "has 5 tokens, but the model's context holds 4"),
        ([1, V], {}, f"the id {V}, but this model's ids go from 0 to {V - 1}"),
        ([-1], {}, "the token id -1"),
        ([1], {"max_new_tokens": -1}, "max_new_tokens=-1"),
        ([1], {"overflow": "explode"}, "overflow='explode'"),
        ([1], {"context_length": 99}, "longer than the model's context"),
    ],
)
def test_mistakes_are_said_at_the_call(gpt, prompts, options, expected):
    with pytest.raises(ValueError, match=expected):
        generate(gpt, prompts, **options)
    with pytest.raises(ValueError, match=expected):
        stream(gpt, prompts, **options)  # without asking for a first token


class Given(nn.Module):
    """A model whose logits are given, whatever it reads."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, ids):
        return self.logits.expand(*ids.shape, -1)


@pytest.mark.parametrize("sampling", [GREEDY, PLAIN, SamplingConfig(top_k=2)])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_logits_that_are_no_numbers_are_said_where_they_come(sampling, value):
    model = Given(0.0, value, 1.0)
    for write in (
        lambda: generate(model, [[1, 2], [1]], 3, sampling=sampling),
        lambda: list(stream(model, [1, 2], 3, sampling=sampling)),
        lambda: beam_search(model, [1, 2], 2, 3),
    ):
        with pytest.raises(ValueError, match="After 2 tokens of text 0, the model's logits hold (nan|inf)"):
            write()


def test_a_model_that_rules_everything_out_is_told():
    with pytest.raises(ValueError, match="After 1 tokens of text 0, the model rules out every token"):
        generate(Given(-math.inf, -math.inf), [1], 3)


@pytest.mark.parametrize("value", [1e-30, 1e-40, 5e-324, 1e30, 1e300])
def test_temperatures_beyond_float32_still_make_a_distribution(value):
    logits = torch.tensor([[1.0, 3.0, -math.inf], [2.0, 2.0, 1.0]])
    chances = temperature(logits, value).softmax(-1)
    sharp = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.5, 0.0]])
    flat = torch.tensor([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(chances, sharp if value < 1 else flat)
    assert generate(Given(1.0, 3.0), [0], 2, sampling=SamplingConfig(temperature=value))[0] == 0


def test_a_draw_needs_dice_and_something_possible():
    logits = torch.zeros(2, 3)
    for dice in ([0.2, 1.0], [-0.1, 0.2], [0.1, math.nan]):
        with pytest.raises(ValueError, match=r"dice must be in \[0, 1\)"):
            draw(logits, torch.tensor(dice))
    for impossible in (-math.inf, math.nan):
        with pytest.raises(ValueError, match="in each row a token must be possible"):
            draw(torch.stack([logits[0], torch.full((3,), impossible)]), torch.tensor([0.5, 0.5]))


IDS = [[2, 5], (2, 5), torch.tensor([2, 5]), np.array([2, 5], np.int32), [2.0, np.int64(5)]]
IDS += [[torch.tensor(2), 5], range(2, 6, 3), torch.tensor([2.0, 5.0])]


@pytest.mark.parametrize("ids", IDS, ids=str)
def test_ids_may_come_in_any_common_form(ids):
    assert generate(successor, ids, 2, sampling=GREEDY)[:2] == [2, 5]
    assert beam_search(successor, ids, 2, 2)[0].ids[:2] == [2, 5]
    assert generate(successor, [0], 3.0, sampling=GREEDY, stop_tokens=np.int64(2)) == [0, 1, 2]
    for none in (None, [], ()):
        assert len(generate(successor, [0], np.int64(3), stop_tokens=none)) == 4


# log-probabilities --------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [GREEDY, SamplingConfig(temperature=2.0, top_k=9)])
def test_log_probabilities_are_the_models_own(gpt, config):
    texts, logprobs = generate(
        gpt,
        PROMPTS,
        12,
        sampling=config,
        return_logprobs=True,
        generator=torch.Generator().manual_seed(6),
        stop_tokens=[8],
    )
    for prompt, text, nats in zip(PROMPTS, texts, logprobs, strict=True):
        with torch.inference_mode():
            logs = gpt(torch.tensor([text[:-1]]))[0].log_softmax(-1)
        expected = [logs[i, text[i + 1]].item() for i in range(len(prompt) - 1, len(text) - 1)]
        assert nats == pytest.approx(expected, abs=1e-4)
    single = generate(gpt, PROMPTS[0], 5, sampling=GREEDY, return_logprobs=True)
    assert len(single[0]) == 10 and len(single[1]) == 5


# streaming ----------------------------------------------------------------------------------------


def test_streams_are_the_same_tokens(gpt):
    def options():
        return {"generator": torch.Generator().manual_seed(7), "stop_tokens": [4]}

    text, nats = generate(gpt, PROMPTS[0], 40, return_logprobs=True, **options())
    assert list(stream(gpt, PROMPTS[0], 40, **options())) == text[5:]
    assert list(stream(gpt, PROMPTS[0], 40, return_logprobs=True, **options())) == list(
        zip(text[5:], nats, strict=True)
    )
    texts = generate(gpt, PROMPTS, 40, **options())
    columns = list(stream(gpt, PROMPTS, 40, **options()))
    for row, prompt in enumerate(PROMPTS):
        tokens = [column[row] for column in columns]
        assert [token for token in tokens if token is not None] == texts[row][len(prompt) :]
        assert tokens == sorted(tokens, key=lambda token: token is None)  # once ended, ended


def test_a_stream_is_lazy_and_leaves_the_readers_grad_mode_alone(hf):
    model = Wrapped(hf)
    tokens = stream(model, [1, 2], 10, sampling=GREEDY)
    assert model.calls == []
    next(tokens)
    assert len(model.calls) == 1
    weight = torch.ones(1, requires_grad=True)
    (weight * 2).sum().backward()  # would fail in inference mode
    assert not torch.is_inference_mode_enabled() and weight.grad.item() == 2


def test_modes_are_restored():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout, self.frozen = nn.Dropout(0.5), nn.Dropout(0.5).eval()

        def forward(self, ids):
            assert not self.training and not self.dropout.training
            return self.dropout(successor(ids))

    model = Model()
    model.frozen.eval()
    for write in (
        lambda: generate(model, [1], 3),
        lambda: list(stream(model, [1], 3)),
        lambda: beam_search(model, [1], 2, 3),
        lambda: next(stream(model, [1], 3)),  # given up after one token
    ):
        write()
        assert model.training and model.dropout.training and not model.frozen.training


def test_two_open_streams_of_one_model_do_not_disturb_each_other():
    class Model(nn.Module):
        def forward(self, ids):
            assert not self.training
            return successor(ids)

    model = Model().train()
    one, other = stream(model, [1], 9, sampling=GREEDY), stream(model, [4], 9, sampling=GREEDY)
    assert (next(one), next(other)) == (2, 5)
    one.close()
    assert next(other) == 6 and model.training


def test_with_a_cache_each_token_is_read_once(hf):
    model = WrappedWithCache(hf)
    generate(model, PROMPTS, 4, sampling=GREEDY)
    assert model.calls == [(3, 7), (3, 1), (3, 1), (3, 1)]
    model.calls.clear()
    generate(model, PROMPTS[0], 3, sampling=GREEDY, use_cache=False)
    assert model.calls == [(1, 5), (1, 6), (1, 7)]


@pytest.mark.parametrize(("steps", "most"), [(1, 2), (2, 4), (3, 5)])
def test_there_are_no_more_beams_than_texts(steps, most):
    found = beam_search(Given(0.0, 1.0), [0], 5, steps)
    assert len(found) == most and len({tuple(beam.ids) for beam in found}) == most
    assert all(beam.score > -99 for beam in found)
    stopped = beam_search(Given(0.0, 1.0), [0], 5, steps, stop_tokens=[0, 1])
    assert [beam.new_ids for beam in stopped] == [[1], [0]]


# beam search --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", [Wrapped, WrappedWithCache])
@pytest.mark.parametrize("early_stopping", [True, False, "never"])
@pytest.mark.parametrize("length_penalty", [-1.0, 0.0, 1.0, 2.0])
def test_beam_search_equals_transformers(hf, wrapper, early_stopping, length_penalty):
    for num_beams, stops in ((1, [4]), (3, [4]), (4, [2, 9]), (5, []), (2, MANY)):
        for prompt in PROMPTS:
            theirs = hf_generate(
                hf,
                prompt,
                do_sample=False,
                num_beams=num_beams,
                max_new_tokens=9,
                length_penalty=length_penalty,
                early_stopping=early_stopping,
                eos_token_id=stops or None,
                num_return_sequences=num_beams,
                return_dict_in_generate=True,
                output_scores=True,
            )
            ours = beam_search(
                wrapper(hf),
                prompt,
                num_beams,
                9,
                stop_tokens=stops,
                length_penalty=length_penalty,
                early_stopping=early_stopping,
            )
            if num_beams == 1:  # transformers calls this greedy search and gives no score
                assert ours[0].ids == theirs.sequences[0].tolist()
                continue
            for beam, ids, score in zip(
                ours, theirs.sequences.tolist(), theirs.sequences_scores.tolist(), strict=True
            ):
                assert beam.ids == ids[: len(beam.ids)] and set(ids[len(beam.ids) :]) <= {0, *stops}
                assert beam.score == pytest.approx(score, abs=1e-4)
                assert beam.ids == [*prompt, *beam.new_ids]


def test_beam_search_with_our_model_and_its_cache(gpt):
    for prompt in PROMPTS:
        cached, plain = (beam_search(gpt, prompt, 3, 30, stop_tokens=[4], use_cache=c) for c in (True, False))
        assert [beam.ids for beam in cached] == [beam.ids for beam in plain]


def test_wide_beams_find_the_most_probable_text(hf):
    """With as many beams as there are texts, beam search is exhaustive search."""
    with torch.inference_mode():
        prompt = [3, 1]
        first = hf(torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
        second = hf(torch.tensor([[*prompt, token] for token in range(V)])).logits[:, -1].log_softmax(-1)
    totals = first[:, None] + second
    best = beam_search(Wrapped(hf), prompt, num_beams=V, max_new_tokens=2, length_penalty=0.0)
    assert best[0].new_ids == [int(totals.argmax()) // V, int(totals.argmax()) % V]
    assert [beam.score for beam in best] == pytest.approx(totals.flatten().topk(V).values.tolist(), abs=1e-4)


@pytest.mark.parametrize("wrong", [{"num_beams": 0}, {"max_new_tokens": 0}, {"early_stopping": "perhaps"}])
def test_impossible_beam_searches_are_refused(hf, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        beam_search(Wrapped(hf), [1], **wrong)


# the decoder --------------------------------------------------------------------------------------


def test_the_filling_of_a_batch_is_never_looked_at():
    def model(ids):  # the logits say what was seen: the sum of the text so far
        return nn.functional.one_hot(ids.cumsum(1) % 10, 10).float()

    texts = Decoder(model, [[3], [1, 2, 3, 4]], room=1)
    assert texts.next_logits().argmax(-1).tolist() == [3, 0]
    texts.append(torch.tensor([5, 6]))
    assert texts.next_logits().argmax(-1).tolist() == [8, 6]
    assert texts.ids.tolist() == [[3, 3, 3, 3, 5], [1, 2, 3, 4, 6]] and texts.lengths == [2, 5]
