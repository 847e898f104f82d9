"""The cache: keys and values of what was read, so that writing on does not read it again.

It knows shapes and places, and no model.
"""

from __future__ import annotations

import torch

from course_lib.arguments import is_whole, shown, whole, whole_number


class KVCache:
    """The keys and values of the tokens read so far, so that each is computed once.

    It holds up to `capacity` positions, and sets the room aside little by little: what lies close together in
    memory is read faster. All texts of a batch fill the same columns; shorter ones are filled up on the left
    and hidden by a mask (see `GPT.forward`).

    Raises: ValueError if the room or the batch doesn't fit what is to be kept.

    >>> cache = KVCache(n_layers=1, batch_size=2, capacity=8)
    >>> k = v = torch.zeros(2, 3, 5, 4)  # (B, H, T, D)
    >>> keys, values = cache.append(0, k, v)
    >>> cache.length = 5
    >>> keys, values = cache.append(0, k[:, :, :1], v[:, :, :1])
    >>> keys.shape
    torch.Size([2, 3, 6, 4])
    """

    def __init__(self, n_layers: int, batch_size: int, capacity: int):
        n_layers = whole("KVCache", "n_layers", n_layers, 1, 2**20)
        self.batch_size = whole("KVCache", "batch_size", batch_size)
        self.capacity = whole("KVCache", "capacity", capacity)
        self.length = 0  # columns filled in all layers
        self._stores: list[tuple[torch.Tensor, torch.Tensor] | None] = [None] * n_layers

    def append(self, layer: int, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put in the newest keys and values (B, H, T, D) of a layer; returns all of them so far (B, H, S, D).

        When all layers have theirs, `length` is to be moved on by T, which the model does.
        """
        layer = self._checked(layer, k, v)
        B, _, T, _ = k.shape
        end = self.length + T
        if B != self.batch_size or end > self.capacity:
            raise ValueError(
                f"This cache has room for {self.batch_size} texts of {self.capacity} tokens, but got {B} of "
                f"{end}; make one that fits with model.make_cache(batch_size)."
            )
        store = self._stores[layer]
        if store is not None and (store[0].shape[1::2] != k.shape[1::2] or store[1].shape[3] != v.shape[3]):
            raise ValueError(
                f"This cache keeps {store[0].shape[1]} heads of keys {store[0].shape[3]} and values "
                f"{store[1].shape[3]} wide in layer {layer}, but got keys {tuple(k.shape)} and values "
                f"{tuple(v.shape)}; give as many heads, as wide, or make another cache."
            )
        return self.put(layer, k, v)

    def put(self, layer: int, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`append` for keys and values that are known to fit: nothing is looked at.

        >>> cache = KVCache(n_layers=1, batch_size=1, capacity=8)
        >>> cache.put(0, torch.ones(1, 1, 2, 4), torch.ones(1, 1, 2, 4))[0].shape
        torch.Size([1, 1, 2, 4])
        """
        T = k.shape[2]
        end = self.length + T
        kept_k, kept_v = self._stores[layer] or (k[:, :, :0], v[:, :, :0])
        if kept_k.shape[2] < end:
            kept_k, kept_v = self._enlarged(kept_k, end), self._enlarged(kept_v, end)
            self._stores[layer] = kept_k, kept_v
        kept_k.narrow(2, self.length, T).copy_(k)
        kept_v.narrow(2, self.length, T).copy_(v)
        return kept_k.narrow(2, 0, end), kept_v.narrow(2, 0, end)

    def _checked(self, layer: int, k: torch.Tensor, v: torch.Tensor) -> int:
        number = layer if type(layer) is int else whole_number(layer)
        good = all(isinstance(x, torch.Tensor) and x.ndim == 4 for x in (k, v))
        if number is None or not 0 <= number < len(self._stores) or not good or k.shape[:3] != v.shape[:3]:
            told = [tuple(x.shape) if isinstance(x, torch.Tensor) else shown(x) for x in (k, v)]
            raise ValueError(
                f"This cache got keys {told[0]} and values {told[1]} for layer {shown(layer)}; it has "
                f"layers 0 to {len(self._stores) - 1}, and takes as many values as keys."
            )
        return number

    def _enlarged(self, kept: torch.Tensor, end: int) -> torch.Tensor:
        """A copy with room up to `end` and a sixteenth more, so that copying stays rare."""
        B, H, _, D = kept.shape
        larger = kept.new_empty(B, H, min(end + end // 16 + 4, self.capacity), D)
        larger.narrow(2, 0, self.length).copy_(kept.narrow(2, 0, self.length))
        return larger

    def reorder(self, rows: torch.Tensor) -> None:
        """Let text i go on from what text `rows[i]` was, as beam search needs; there may be more or fewer
        than before.
        """
        good = isinstance(rows, torch.Tensor) and rows.ndim == 1 and len(rows) and is_whole(rows)
        if not good or not 0 <= int(rows.min()) <= int(rows.max()) < self.batch_size:
            raise ValueError(
                f"reorder got rows={shown(rows)}; it needs a tensor (N,) of whole numbers from 0 to "
                f"{self.batch_size - 1}."
            )
        for layer, store in enumerate(self._stores):
            if store is not None:
                k, v = (self._picked(kept, rows) for kept in store)
                self._stores[layer] = k, v
        self.batch_size = len(rows)

    def _picked(self, kept: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        filled = kept.narrow(2, 0, self.length)[rows]
        if len(rows) != len(kept):
            kept = kept.new_empty(len(rows), *kept.shape[1:])
        kept.narrow(2, 0, self.length).copy_(filled)
        return kept

    @property
    def nbytes(self) -> int:
        """The memory that the filled part takes. Units: bytes."""
        kept = [tensor for store in self._stores if store is not None for tensor in store]
        return sum(tensor.narrow(2, 0, self.length).numel() * tensor.element_size() for tensor in kept)
