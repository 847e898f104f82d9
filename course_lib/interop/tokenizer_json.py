"""Tokenizers in the form of the Rust library `tokenizers`, which `transformers` keeps in tokenizer.json.

Both ways: such a file as our BPETokenizer, if it can be one, and ours as one of theirs. It does
not know models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from course_lib.arguments import check_instance, shown
from course_lib.tokens import GPT2_PATTERN, SINGLE_DIGITS_PATTERN, BPETokenizer, Rules
from course_lib.tokens.files import written
from course_lib.tokens.published import bpe_from_lists

REST = r"|[\s\S]"  # what a pattern doesn't match is cut into single characters, as BPETokenizer does
FILE = "tokenizer.json"


def from_tokenizers(content: Mapping[str, Any]) -> BPETokenizer:
    """The tokenizer that a tokenizer.json describes, if it is a byte-level BPE such as ours.

    Where theirs drops what its vocabulary can't write, ours says so.

    Raises: ValueError, with the reason, for one that does what ours doesn't.

    >>> import json
    >>> ours = BPETokenizer.train("the theme of the thesis", vocab_size=260)
    >>> from_tokenizers(json.loads(to_tokenizers(ours).to_str())).merges == ours.merges
    True
    """
    check_instance(
        "from_tokenizers", "content", content, Mapping, "what json.loads makes of a tokenizer.json"
    )
    try:
        return _from_tokenizers(content)
    except (KeyError, TypeError, AttributeError, IndexError):
        raise ValueError(
            "its tokenizer.json is not of a form that is known; save the tokenizer again."
        ) from None


def _from_tokenizers(content: Mapping[str, Any]) -> BPETokenizer:
    model, added = content["model"], content.get("added_tokens") or []
    pattern, begin = _pattern_of(content.get("pre_tokenizer") or {}), _begin_of(content)
    _check_plain(content, pattern, added)
    added = sorted(added, key=lambda token: token["id"])
    special = [token["content"] for token in added if token.get("special", True)]
    unknown = model.get("unk_token")
    if unknown is not None and unknown not in special and unknown in model["vocab"]:
        special.append(unknown)
    ids = {**model["vocab"], **{token["content"]: token["id"] for token in added}}
    if sorted(ids.values()) != list(range(len(ids))):
        raise ValueError(
            f"its tokenizer's ids are not 0 to {len(ids) - 1}, each once; save the tokenizer again."
        )
    rules = Rules(
        whole_pieces=bool(model.get("ignore_merges")),
        unknown=unknown if unknown in special else None,
        begin=begin,
        added=[token["content"] for token in added if not token.get("special", True)],
        strip_left=[token["content"] for token in added if token.get("lstrip")],
        strip_right=[token["content"] for token in added if token.get("rstrip")],
    )
    return bpe_from_lists(sorted(ids, key=ids.__getitem__), model["merges"], special, pattern, rules, FILE)


def _check_plain(content: Mapping[str, Any], pattern: str | None, added: list[Mapping[str, Any]]) -> None:
    """Raises ValueError for what a byte-level BPE such as ours doesn't do."""
    model = content["model"]
    unlike = {
        "normalizes text": content.get("normalizer"),
        "cuts text in another way": pattern is None,
        f"is a {shown(model.get('type'))}": model.get("type", "BPE") != "BPE",
        "marks the parts of words": model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"),
        "draws its merges by chance": model.get("dropout"),
        "has tokens for bytes of its own": model.get("byte_fallback"),
        "joins unknown characters": model.get("fuse_unk") and model.get("unk_token"),
        "finds tokens only as whole words": any(token.get("single_word") for token in added),
    }
    if found := [what for what, so in unlike.items() if so]:
        raise ValueError(f"its tokenizer is no plain byte-level BPE, as ours is: it {', '.join(found)}.")


def _begin_of(content: Mapping[str, Any]) -> str | None:
    """The token that is put before a text, if nothing else is done to it after encoding."""
    post = content.get("post_processor") or {}
    begin = None
    for step in post.get("processors", [post] if post else []):
        template = [next(iter(part.items())) for part in step.get("single", [])]
        *before, last = template or [("Sequence", {})]
        plain = step.get("type") in ("ByteLevel", "TemplateProcessing") and last[0] == "Sequence"
        plain = plain and [kind for kind, _ in before] in ([], ["SpecialToken"])
        if not plain or (step.get("special_tokens") and not before):
            raise ValueError(
                "its tokenizer is no plain byte-level BPE, as ours is: it adds tokens by itself."
            )
        begin = before[0][1]["id"] if before else begin
    return begin


def _pattern_of(pre_tokenizer: Mapping[str, Any]) -> str | None:
    """The pattern by which a tokenizer.json cuts text, or None if it does something else than that."""
    steps = list(_steps(pre_tokenizer))
    last = steps.pop()
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space") or len(steps) > 1:
        return None
    by_gpt2, cut = last.get("use_regex", True), steps[0] if steps else None
    if cut is None:
        return GPT2_PATTERN if by_gpt2 else None
    regular = isinstance(cut.get("pattern"), dict) and cut.get("behavior") == "Isolated"
    regex = cut["pattern"].get("Regex") if regular and not cut.get("invert") else None
    if by_gpt2:  # which then cuts what is between the digits
        alone = regex == r"\p{N}" or (cut.get("type") == "Digits" and cut.get("individual_digits"))
        return SINGLE_DIGITS_PATTERN if alone else None
    return None if regex is None else regex.removesuffix(REST)


def _steps(pre_tokenizer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if pre_tokenizer.get("type") != "Sequence":
        yield pre_tokenizer
    for step in pre_tokenizer.get("pretokenizers", []):
        yield from _steps(step)


def to_tokenizers(tokenizer: BPETokenizer) -> Any:
    """Our tokenizer as a `tokenizers.Tokenizer` (the Rust library that `transformers` uses), with the same
    ids.

    It drops what its vocabulary can't write, where ours says so; and if the model wants a token before a text
    (`tokenizer.begin_id`), it adds that by itself.

    >>> ours = BPETokenizer.train("the theme of the thesis", vocab_size=260)
    >>> to_tokenizers(ours).encode("the 主题").ids == ours.encode("the 主题")
    True
    """
    check_bpe("to_tokenizers", tokenizer)
    from tokenizers import AddedToken, Tokenizer, decoders, models, processors

    rules = tokenizer.rules
    names = {id: name for name, id in (tokenizer.special_tokens | tokenizer.added_tokens).items()}
    vocabulary = {
        names.get(id) or written(tokenizer.token_bytes(id)): id for id in range(tokenizer.vocab_size)
    }
    merges = [(written(left), written(right)) for left, right in tokenizer.merges]
    options = {"ignore_merges": rules.whole_pieces, "unk_token": rules.unknown}
    exported = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, **options))
    exported.pre_tokenizer = _cut_by(tokenizer.pattern)
    exported.decoder = decoders.ByteLevel()
    exported.add_tokens(
        [
            AddedToken(
                name,
                normalized=False,
                special=name in tokenizer.special_tokens,
                lstrip=name in rules.strip_left,
                rstrip=name in rules.strip_right,
            )
            for name in names.values()
        ]
    )
    if rules.begin is not None:
        exported.post_processor = processors.TemplateProcessing(
            single=f"{rules.begin} $A", special_tokens=[(rules.begin, tokenizer.begin_id)]
        )
    return exported


def _cut_by(pattern: str) -> Any:
    from tokenizers import Regex, pre_tokenizers

    if pattern == GPT2_PATTERN:
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern + REST), "isolated"), bytes_only])


def check_bpe(owner: str, tokenizer: Any) -> None:
    """Raises ValueError for anything but a BPETokenizer.

    >>> check_bpe("to_tokenizers", "gpt2")
    Traceback (most recent call last):
    ValueError: to_tokenizers got a str; only a BPETokenizer can be exported.
    """
    if not isinstance(tokenizer, BPETokenizer):
        what = shown(tokenizer) if isinstance(tokenizer, type) else f"a {type(tokenizer).__name__}"
        raise ValueError(f"{owner} got {what}; only a BPETokenizer can be exported.")
