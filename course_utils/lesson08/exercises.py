"""The exercises of lesson 08: the causal mask, sampling from the nucleus, bits per token, one step
of an LSTM, a writer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.asking.ask import Answer, AnswerRaised, Ask, NotData, Seed, TensorArg
from course_utils.checks.exercise import (
    Case,
    Exercise,
    Mutant,
    again,
    breaking,
    does_not_hold,
    numbers_in,
    until_one_fails,
)

if TYPE_CHECKING:
    from torch import Tensor

close_case = partial(Case, rtol=1e-4, atol=1e-5)  # float32


# ---- 8.1 causal_mask -----------------------------------------------------------------------------


def _mask_cases(rng: np.random.Generator) -> list[Case]:
    lengths, scores = [3, 1, 6, int(rng.integers(7, 12))], rng.normal(size=(4, 4))
    return [
        Case(f"T = {T}: {T} row{'s' * (T > 1)}, {T} column{'s' * (T > 1)}", (T,)) for T in lengths
    ] + [
        close_case(
            "T = 4: scores of attention, masked by this table, a tensor",
            (TensorArg(scores),),
            _masked,
            want=np.where(_mask_oracle(4), scores, -math.inf),
        )
    ]


def _masked(ask: Ask, scores: TensorArg) -> np.ndarray:
    return ask.probe("lesson08.masked", scores)


def _mask_oracle(T: int) -> np.ndarray:
    return np.array([[s <= t for s in range(T)] for t in range(T)])


def _ones(T: int) -> Tensor:
    import torch

    return torch.ones(T, T, dtype=torch.bool)


def _blocked(T: int, by: float) -> Tensor:
    import torch

    return torch.zeros(T, T).masked_fill(~_ones(T).tril(), by)


def _band(T: int) -> Tensor:
    return _ones(T).tril() & _ones(T).triu(-2)


def _by_comparison(T: int) -> Tensor:
    import torch

    return torch.arange(T)[None, :] <= torch.arange(T)[:, None]


MASK = Exercise(
    "8.1",
    "causal_mask",
    _mask_cases,
    _mask_oracle,
    {
        "mask-transposed": Mutant(
            "transposed: row t looks at what comes, not at what was; rows look, columns are"
            " looked at",
            lambda T: _ones(T).triu(),
        ),
        "diagonal-hidden": Mutant(
            "the diagonal is hidden: a position may look at itself, and the first one would see"
            " nothing at all",
            lambda T: _ones(T).tril(-1),
        ),
        "no-mask": Mutant(
            "nothing is masked: every position sees the answer, and bits below the entropy mean a"
            " leak",
            lambda T: _ones(T),
        ),
        "inverted-mask": Mutant(
            "True and False are exchanged: here True means may attend", lambda T: ~_ones(T).tril()
        ),
        "one-future-token-visible": Mutant(
            "one position too many: the one right after t is the answer, and it must not be seen",
            lambda T: _ones(T).tril(1),
        ),
        "additive-minus-inf": Mutant(
            "this mask is made to be added, 0 and −inf: True and False are asked for",
            lambda T: _blocked(T, -math.inf),
        ),
        "additive-large-negative": Mutant(
            "this mask is made to be added, 0 and a very negative number: True and False are"
            " asked for",
            lambda T: _blocked(T, -1e9),
        ),
        "numpy-not-tensor": Mutant(
            "the table is right, as an array of NumPy or as lists: attention needs a tensor",
            lambda T: np.tri(T, dtype=bool),
        ),
        "float-not-bool": Mutant(
            "0 and 1 came back as numbers: True and False are asked for",
            lambda T: _ones(T).tril().float(),
        ),
        "inverted-float-mask": Mutant(
            "0 and 1 came back as numbers, and they mark what must not be seen: True where t may"
            " look",
            lambda T: _ones(T).triu(1).float(),
        ),
        "diagonal-only": Mutant(
            "each position sees itself alone: everything before it may be seen too",
            lambda T: _ones(T).tril() & _ones(T).triu(),
        ),
        "previous-token-only": Mutant(
            "each position sees only the one before it: everything up to itself may be seen",
            lambda T: _ones(T).tril(-1) & _ones(T).triu(-1),
        ),
        "sliding-window-three": Mutant(
            "only the last three positions are seen: there is no limit to looking back", _band
        ),
        "first-token-only": Mutant(
            "all rows see the first position alone: everything up to itself may be seen",
            lambda T: _ones(T).tril()[:, :1] & (_ones(T).cumsum(1) == 1),
        ),
        "all-false": Mutant(
            "nothing may be seen: the table is False everywhere", lambda T: ~_ones(T)
        ),
        "rows-reversed": Mutant(
            "rows stand upside down: row 0 belongs to the first position, which sees only itself",
            lambda T: _ones(T).tril().flip(0),
        ),
        "columns-reversed": Mutant(
            "columns are mirrored: column 0 is the first position, which everybody may see",
            lambda T: _ones(T).tril().flip(1),
        ),
        "two-extra-axes": Mutant(
            "it came with extra axes in front: a plain (T, T) table is asked for, it fits all heads"
            " by itself",
            lambda T: _ones(T).tril()[None, None],
        ),
        "one-extra-axis": Mutant(
            "it came with an extra axis in front: a plain (T, T) table is asked for",
            lambda T: _ones(T).tril()[None],
        ),
        "indices-not-mask": Mutant(
            "these are the places of True: the table itself is asked for",
            lambda T: _ones(T).tril().nonzero(),
        ),
        "size-t-plus-1": Mutant(
            "a table for T + 1 positions: there are T", lambda T: _ones(T + 1).tril()
        ),
        "size-t-minus-1": Mutant(
            "a table for T − 1 positions: there are T", lambda T: _ones(T - 1).tril()
        ),
        "last-row-only": Mutant(
            "one row only: each position has a row of its own", lambda T: _ones(T)[-1]
        ),
    },
    {
        "a comparison of positions": _by_comparison,
        "what triu leaves": lambda T: ~_ones(T).triu(1),
        "floats made boolean": lambda T: _ones(T).float().tril().bool(),
    },
)

# ---- 8.2 sample_top_p ----------------------------------------------------------------------------

MANY = 2000  # equal rows, so that shares can be counted
SAME_STATE = (
    "the same state of `rng` gives the same words: all randomness comes from it, none from torch's"
    " own generator"
)
MOVES_ON = "two draws in a row differ: `rng` moves on, and is not replaced by one with a fixed seed"
ROWS_APART = "equal rows get different words: every row has a draw of its own"


def _probabilities(logits: np.ndarray, T: float, p: float) -> np.ndarray:
    """The distribution asked for, worked out word by word: (V,) -> (V,)."""
    weights = np.exp((logits - logits.max()) / T)
    weights /= weights.sum()
    kept, reached = np.zeros(len(logits)), 0.0
    for word in sorted(range(len(logits)), key=lambda w: -weights[w]):
        if reached >= p:
            break
        kept[word] = weights[word]
        reached += weights[word]
    return kept / kept.sum()


def _nucleus_oracle(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> np.ndarray:
    rows = logits.double().numpy()
    return np.array([rng.choice(rows.shape[1], p=_probabilities(row, T, p)) for row in rows])


def _one_a_row(words: Any, rows: int) -> np.ndarray:
    """Whole numbers (rows,). Raises NotData for anything else."""
    words = numbers_in(words)
    if words.shape != (rows,) or words.dtype.kind not in "iu":
        form = f"an array of shape {words.shape}" if words.ndim else "a single value"
        raise NotData(
            f"one whole number a row is asked for, here {rows}; what came back is {form} of type"
            f" {words.dtype}"
        )
    return words


def _shares(ask: Ask, logits: TensorArg, T: float, p: float, seed: Seed) -> dict[str, Any]:
    """How often each word was drawn, and which were drawn at all."""
    words = _one_a_row(ask(logits, T, p, seed), MANY)
    if words.min() < 0 or words.max() >= logits.values.shape[1]:
        return {"the lowest and the highest word": [int(words.min()), int(words.max())]}
    counts = np.bincount(words, minlength=logits.values.shape[1])
    return {"the share of each word": counts / MANY, "the words that were drawn at all": counts > 0}


def _by_kind(ask: Ask, logits: TensorArg, T: float, p: float, seed: Seed) -> dict[str, Any]:
    """The words drawn at all in even rows, and in odd ones."""
    words = _one_a_row(ask(logits, T, p, seed), len(logits.values))
    return {
        kind: np.unique(words[start::2])
        for kind, start in (("the words of even rows", 0), ("the words of odd rows", 1))
    }


def _habits(ask: Ask, logits: TensorArg, T: float, p: float, seed: Seed) -> dict[str, Any]:
    first, second = (_one_a_row(ask(logits, T, p, seed), len(logits.values)) for _ in range(2))
    one, two = (np.asarray(words) for words in ask.series(2, logits, T, p, seed))
    return {
        SAME_STATE: np.array_equal(first, second),
        MOVES_ON: not np.array_equal(one, two),
        ROWS_APART: np.unique(first).size > 1,
    }


def _share_case(
    says: str,
    shares: tuple[float, ...],
    T: float,
    p: float,
    rng: np.random.Generator,
    offset: tuple[float, float] = (-1, 3),
) -> Case:
    """Many equal rows whose shares at temperature 1 are those given, in a random order and with a
    random offset.
    """
    row = np.log(rng.permutation(shares)) + rng.uniform(*offset)
    want = _probabilities(row.astype(np.float32).astype(float), T, p)
    return Case(
        says,
        (TensorArg(np.tile(row, (MANY, 1))), T, p, Seed(int(rng.integers(2**31)))),
        _shares,
        atol=0.065,
        want={"the share of each word": want, "the words that were drawn at all": want > 0},
    )


def _top_p_cases(rng: np.random.Generator) -> list[Case]:
    four = (0.5, 0.3, 0.15, 0.05)
    rows = rng.permuted(np.tile(0.7 * np.arange(5), (7, 1)), axis=1) + rng.normal(size=(7, 1))
    seed = Seed(int(rng.integers(2**31)))
    mixed = np.log(np.tile([(0.4, 0.3, 0.2, 0.1), (0.05, 0.05, 0.05, 0.85)], (100, 1)))
    return [
        Case(
            "forty equal rows, asked more than once",
            (TensorArg(np.zeros((40, 6))), 1.0, 1.0, seed),
            _habits,
            want={SAME_STATE: True, MOVES_ON: True, ROWS_APART: True},
        ),
        Case(
            "seven different rows and a tiny p: the favorite of each",
            (TensorArg(rows), 1.0, 1e-6, seed),
            want=rows.argmax(1),
        ),
        Case(
            "seven different rows and a temperature near 0: the favorite of each",
            (TensorArg(rows), 0.003, 1.0, seed),
            want=rows.argmax(1),
        ),
        _share_case(
            "T = 1, p = 1: words as likely as the softmax says, (50, 30, 15, 5) %",
            four,
            1.0,
            1.0,
            rng,
            (1.3, 1.6),
        ),
        _share_case(
            "T = 1, p = 0.6: of (50, 30, 15, 5) % two words are kept",
            four,
            1.0,
            0.6,
            rng,
            (-0.8, -0.4),
        ),
        _share_case("T = 2, p = 1: flatter than (50, 30, 15, 5) %", four, 2.0, 1.0, rng),
        _share_case(
            "T = 0.5, p = 0.9: sharper first, then two words are kept", four, 0.5, 0.9, rng
        ),
        _share_case(
            "T = 2, p = 0.7: flatter first, then three words are kept", four, 2.0, 0.7, rng
        ),
        _share_case(
            "five words, T = 1, p = 0.75: three are kept",
            (0.36, 0.26, 0.18, 0.12, 0.08),
            1.0,
            0.75,
            rng,
        ),
        Case(
            "p = 0.8, rows in turn (40, 30, 20, 10) % and (5, 5, 5, 85) %: three words are kept,"
            " then one",
            (TensorArg(mixed), 1.0, 0.8, seed),
            _by_kind,
            want={
                "the words of even rows": np.array([0, 1, 2]),
                "the words of odd rows": np.array([3]),
            },
        ),
    ]


def _draw(probs: Tensor, rng: np.random.Generator, darts: Tensor | None = None) -> Tensor:
    """One word a row from probabilities (B, V): the running sum that the dart falls short of."""
    import torch

    darts = torch.tensor(rng.random((len(probs), 1))) if darts is None else darts
    return (probs.cumsum(-1) < darts).sum(-1).clamp(max=probs.shape[-1] - 1)


def _nucleus(
    scaled: Answer = lambda logits, T: logits / T,
    keep: Answer = lambda probs, p: probs.cumsum(-1) - probs < p,
    share: Answer = lambda kept: kept / kept.sum(-1, keepdim=True),
    named: bool = True,
    highest: bool = True,
    then: Answer = lambda kept, T: kept,
    dart: Any = None,
    out: Answer = lambda words: words,
) -> Answer:
    """An answer to 8.2, one part of which may be changed."""

    def sample_top_p(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
        import torch

        probs, order = torch.softmax(scaled(logits.double(), T), -1).sort(
            dim=-1, descending=highest
        )
        kept = share(then(probs * keep(probs, p), T))
        rank = _draw(kept, rng, dart(rng, len(logits)) if dart else None)
        return out(order.gather(1, rank[:, None]).squeeze(1) if named else rank)

    return sample_top_p


def _unsorted(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    import torch

    probs = torch.softmax(logits.double() / T, -1)
    kept = probs * (probs.cumsum(-1) - probs < p)
    return _draw(kept / kept.sum(-1, keepdim=True), rng)


def _global(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    import torch

    return _nucleus(dart=lambda rng, B: torch.rand(B, 1).double())(logits, T, p, rng)


def _fixed_seed(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    return _nucleus()(logits, T, p, np.random.default_rng(0))


def _first_row(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    return _nucleus()(logits[:1].expand_as(logits), T, p, rng)


def _unsoftened(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    weights, order = (logits.double() / T).clamp(min=0).sort(dim=-1, descending=True)
    kept = weights * (weights.cumsum(-1) - weights < p)
    rank = _draw(kept / kept.sum(-1, keepdim=True).clamp(min=1e-9), rng)
    return order.gather(1, rank[:, None]).squeeze(1)


def _unnormalised(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    weights, order = (logits.double() / T).exp().sort(dim=-1, descending=True)
    kept = weights * (weights.cumsum(-1) - weights < p)
    rank = _draw(kept / kept.sum(-1, keepdim=True), rng)
    return order.gather(1, rank[:, None]).squeeze(1)


def _top_k(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    k = max(1, round(p * logits.shape[1]))
    return _nucleus(keep=lambda probs, p: (probs.cumsum(-1) > 0).cumsum(-1) <= k)(logits, T, p, rng)


def _at_least_one(keep: Answer) -> Answer:
    def safe(probs: Tensor, p: float) -> Tensor:
        kept = keep(probs, p)
        kept[..., 0] = True
        return kept

    return safe


def _over_rows(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    probs, order = (logits.double() / T).softmax(0).sort(dim=-1, descending=True)
    kept = probs * (probs.cumsum(-1) - probs < p)
    return order.gather(1, _draw(kept / kept.sum(-1, keepdim=True), rng)[:, None])[:, 0]


def _laid_over(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    import torch

    probs = torch.softmax(logits.double() / T, -1)
    ranked = probs.sort(dim=-1, descending=True).values
    kept = probs * (ranked.cumsum(-1) - ranked < p)
    return _draw(kept / kept.sum(-1, keepdim=True), rng)


def _rank(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """The rank drawn in each row (B,), and the order of the words (B, V)."""
    order = (logits.double() / T).argsort(dim=-1, descending=True)
    return _nucleus(named=False)(logits, T, p, rng), order


def _turned_order(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    rank, order = _rank(logits, T, p, rng)
    return order.argsort(-1).gather(1, rank[:, None])[:, 0]


def _next_rank(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    rank, order = _rank(logits, T, p, rng)
    return order.gather(1, (rank + 1).clamp(max=order.shape[1] - 1)[:, None])[:, 0]


def _row_by_row(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> list[int]:
    words = []
    for row in logits.double().numpy():
        weights = np.exp((row - row.max()) / T)
        weights /= weights.sum()
        order = np.argsort(-weights)
        size = min(np.searchsorted(np.cumsum(weights[order]), p) + 1, len(order))
        kept = weights[order[:size]]
        words.append(int(order[np.searchsorted(np.cumsum(kept) / kept.sum(), rng.random())]))
    return words


def _by_gumbel(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> np.ndarray:
    scaled = logits.double().numpy() / T
    probs = np.exp(scaled - scaled.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    ahead = np.where(probs[:, None, :] > probs[:, :, None], probs[:, None, :], 0).sum(2)
    return np.where(ahead < p, scaled + rng.gumbel(size=scaled.shape), -np.inf).argmax(1)


def _masked_multinomial(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    import torch

    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    scores, order = (logits / T).sort(dim=-1, descending=True)
    probs = scores.softmax(-1)
    removed = probs.cumsum(-1) >= p
    removed = torch.cat([torch.zeros_like(removed[:, :1]), removed[:, :-1]], dim=-1)
    picked = torch.multinomial(
        scores.masked_fill(removed, -math.inf).softmax(-1), 1, generator=generator
    )
    return order.gather(1, picked)[:, 0]


TOP_P = Exercise(
    "8.2",
    "sample_top_p",
    _top_p_cases,
    _nucleus_oracle,
    {
        "global-random-state": Mutant(does_not_hold(SAME_STATE), _global),
        "fixed-seed": Mutant(does_not_hold(MOVES_ON), _fixed_seed),
        "same-draw-all-rows": Mutant(
            does_not_hold(ROWS_APART),
            _nucleus(
                dart=lambda rng, B: __import__("torch").full(
                    (B, 1), rng.random(), dtype=__import__("torch").double
                )
            ),
        ),
        "temperature-multiplied": Mutant(
            "the logits are multiplied by T: a low temperature should sharpen, so divide",
            _nucleus(scaled=lambda logits, T: logits * T),
        ),
        "temperature-ignored": Mutant(
            "the temperature is ignored: divide the logits by T first",
            _nucleus(scaled=lambda logits, T: logits),
        ),
        "temperature-twice": Mutant(
            "the logits are divided by T twice", _nucleus(scaled=lambda logits, T: logits / T**2)
        ),
        "temperature-after-cut": Mutant(
            "the temperature comes after the cut: it comes first, and decides with what the cut is"
            " made",
            _nucleus(scaled=lambda logits, T: logits, then=lambda kept, T: kept ** (1 / T)),
        ),
        "crossing-token-dropped": Mutant(
            "the word that crosses p is dropped: the words kept must together reach p",
            _nucleus(keep=_at_least_one(lambda probs, p: probs.cumsum(-1) <= p)),
        ),
        "one-token-too-many": Mutant(
            "one word too many is kept: the first word with which the sum reaches p is the last",
            _nucleus(
                keep=lambda probs, p: (
                    probs.cumsum(-1) - probs - probs.roll(1, -1) * (probs.cumsum(-1) > probs) < p
                )
            ),
        ),
        "unnormalised-to-first-dropped": Mutant(
            "what was kept is not shared out again: darts that miss it fall on the first word that"
            " was dropped",
            lambda logits, T, p, rng: _short_strip(logits, T, p, rng),
        ),
        "unnormalised-to-last-token": Mutant(
            "what was kept is not shared out again: darts that miss it fall on the unlikeliest"
            " word",
            _nucleus(share=lambda kept: kept),
        ),
        "unnormalised-to-argmax": Mutant(
            "what was kept is not shared out again: darts that miss it fall on the favorite",
            lambda logits, T, p, rng: _spilled(logits, T, p, rng),
        ),
        "probability-threshold": Mutant(
            "p was taken as the least probability of a word: it is what the words kept have"
            " *together*",
            _nucleus(keep=_at_least_one(lambda probs, p: probs >= p)),
        ),
        "min-p-for-top-p": Mutant(
            "words with a share below 1 − p of the favorite's are cut: p is what the words kept"
            " have together",
            _nucleus(keep=lambda probs, p: probs >= (1 - p) * probs[..., :1]),
        ),
        "top-k-for-top-p": Mutant(
            "a fixed number of words is kept, p times V: how many are kept depends on their"
            " probabilities",
            _top_k,
        ),
        "sorted-ascending": Mutant(
            "the unlikeliest words are kept: sort the other way round", _nucleus(highest=False)
        ),
        "unsorted-cumsum": Mutant(
            "the running sum goes over the words in their own order: sort them first, likeliest"
            " first",
            _unsorted,
        ),
        "rank-not-token-id": Mutant(
            "the ranks came back, 0 for the likeliest: turn them into words again with the order of"
            " the sorting",
            _nucleus(named=False),
        ),
        "greedy-argmax": Mutant(
            "the favorite is always taken: draw among the words kept",
            lambda logits, T, p, rng: logits.argmax(-1),
        ),
        "no-truncation": Mutant(
            "p is ignored: nothing was cut", _nucleus(keep=lambda probs, p: probs >= 0)
        ),
        "uniform-over-nucleus": Mutant(
            "the words kept are all equally likely: they keep their proportions",
            _nucleus(then=lambda kept, T: (kept > 0).double()),
        ),
        "column-shape": Mutant(
            "a column of shape (B, 1) came back: (B,) is asked for",
            _nucleus(out=lambda words: words[:, None]),
        ),
        "float-token-ids": Mutant(
            "the words came back as real numbers: whole numbers are asked for",
            _nucleus(out=lambda words: words.float()),
        ),
        "first-row-for-all": Mutant("every row was drawn with the logits of the first", _first_row),
        "logits-as-probs": Mutant(
            "the logits were used as probabilities: take the softmax first", _unsoftened
        ),
        "exp-without-normalizing": Mutant(
            "the cut was made before the probabilities add up to one: exp alone is no softmax",
            _unnormalised,
        ),
        "first-row-cutoff": Mutant(
            "how many words are kept was found in the first row and used in all: each row has a"
            " nucleus of its own",
            _nucleus(keep=lambda probs, p: ((probs.cumsum(-1) - probs)[:1] < p).expand_as(probs)),
        ),
        "softmax-over-rows": Mutant(
            "the softmax went over the rows, dim=0: each row is a distribution of its own",
            _over_rows,
        ),
        "sorted-mask-on-unsorted": Mutant(
            "what to keep was found among the sorted words and laid over the unsorted ones: sort"
            " the probabilities along with it",
            _laid_over,
        ),
        "ascending-wrong-cutoff": Mutant(
            "sorted from the unlikeliest on, the words to drop are those whose running sum stays"
            " within 1 − p, not within p",
            _nucleus(highest=False, keep=lambda probs, p: probs.cumsum(-1) > p),
        ),
        "divided-by-p": Mutant(
            "darts fly up to p, but the words kept have p or more together: the last of them comes"
            " too rarely",
            lambda logits, T, p, rng: _nucleus(
                keep=lambda probs, p: probs >= 0, share=lambda kept: kept / p
            )(logits, T, p, rng),
        ),
        "second-softmax": Mutant(
            "the probabilities of the words kept went through a second softmax: divide them by"
            " their sum",
            _nucleus(share=lambda kept: kept.masked_fill(kept == 0, -math.inf).softmax(-1)),
        ),
        "inverse-permutation": Mutant(
            "`order` was turned round once more: it holds already which word stands at each rank",
            _turned_order,
        ),
        "rank-off-by-one": Mutant(
            "one rank too far: the number of running sums below the dart is the rank, counted"
            " from 0",
            _next_rank,
        ),
    },
    {
        "row by row in NumPy": _row_by_row,
        "the largest of Gumbel noises, no sorting": _by_gumbel,
        "logits of −inf and multinomial, seeded by rng": _masked_multinomial,
        "the oracle's loop": _nucleus_oracle,
    },
    seconds=10.0,
)


def _short_strip(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    """Unshared strip: a dart beyond it counts all the words kept, and lands on the next."""
    import torch

    probs, order = torch.softmax(logits.double() / T, -1).sort(dim=-1, descending=True)
    keep = probs.cumsum(-1) - probs < p
    ends = (probs * keep).cumsum(-1).masked_fill(~keep, 2.0)
    rank = (
        (ends < torch.tensor(rng.random((len(logits), 1))))
        .sum(-1, keepdim=True)
        .clamp(max=probs.shape[1] - 1)
    )
    return order.gather(1, rank).squeeze(1)


def _spilled(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    import torch

    probs, order = torch.softmax(logits.double() / T, -1).sort(dim=-1, descending=True)
    kept = probs * (probs.cumsum(-1) - probs < p)
    # argmax of nothing is 0, the favorite
    beyond = kept.cumsum(-1) > torch.tensor(rng.random((len(logits), 1)))
    return order.gather(1, beyond.int().argmax(-1, keepdim=True)).squeeze(1)


# ---- 8.3 bits_per_token --------------------------------------------------------------------------


def _documents(rng: np.random.Generator, lengths: list[int], V: int) -> TensorArg:
    """Token rows (B, T) of these lengths, the rest padding."""
    T = max(lengths)
    y = rng.integers(1, V, size=(len(lengths), T))
    return TensorArg(np.where(np.arange(T) < np.array(lengths)[:, None], y, 0))


def _bits_cases(rng: np.random.Generator) -> list[Case]:
    toy = np.full((1, 3, 9), math.log(0.75 / 8))
    toy[0, 0, 7] = math.log(0.25)
    toy[0, 1] = rng.normal(size=9)

    def logits(y: TensorArg, V: int) -> TensorArg:
        return TensorArg(rng.normal(size=(*y.values.shape, V)) * 2)

    full, ragged, other = (
        _documents(rng, lengths, 6) for lengths in ([5, 5, 5], [7, 3, 5, 2], [4, 9])
    )
    return [
        close_case(
            "tokens (5, 7, 0), and the first row gives 7 a probability of 1/4: 2 bits",
            (TensorArg(toy), TensorArg(np.array([[5, 7, 0]]))),
        ),
        close_case(
            "eight words equally likely: 3 bits",
            (TensorArg(np.zeros((2, 4, 8))), _documents(rng, [4, 4], 8)),
        ),
        close_case("three documents without padding", (logits(full, 6), full)),
        close_case("four documents of different lengths", (logits(ragged, 6), ragged)),
        close_case(
            "two documents of different lengths, twice with the same tensors",
            (logits(other, 6), other),
            again,
        ),
        close_case(
            "very certain opinions, logits of ±300",
            (TensorArg(rng.choice([-300.0, 300.0], size=(2, 5, 6))), _documents(rng, [5, 3], 6)),
            stress=True,
        ),
    ]


def _bits_oracle(logits: Tensor, y: Tensor) -> float:
    from scipy.special import logsumexp

    rows, tokens = logits.double().numpy(), y.numpy()
    surprise = [
        logsumexp(rows[b, t]) - rows[b, t, tokens[b, t + 1]]
        for b in range(len(tokens))
        for t in range(tokens.shape[1] - 1)
        if tokens[b, t + 1] != 0
    ]
    return float(np.mean(surprise) / math.log(2))


def _scores(logits: Tensor, y: Tensor) -> tuple[Any, Any]:
    """log2 p of every next token and whether it is one: (B, T-1), bool (B, T-1)."""
    log_p = logits[:, :-1].log_softmax(-1).gather(-1, y[:, 1:, None]).squeeze(-1) / math.log(2)
    return -log_p, y[:, 1:] != 0


def _mean_bits(opinions: Tensor, answers: Tensor, ignore: int = 0) -> Tensor:
    from torch.nn.functional import cross_entropy

    return cross_entropy(opinions.flatten(0, 1), answers.flatten(), ignore_index=ignore) / math.log(
        2
    )


def _bits(change: Callable[[Any, Any], Any]) -> Answer:
    """An answer to 8.3 from what `_scores` gives."""
    return lambda logits, y: change(*_scores(logits, y))


def _per_document(bits: Tensor, real: Tensor) -> Tensor:
    return (bits * real).sum(1) / real.sum(1)


def _bits_in_loops(logits: Tensor, y: Tensor) -> float:
    import torch

    total, count = 0.0, 0
    for row, tokens in zip(logits.double(), y, strict=True):
        for opinion, token in zip(row[:-1], tokens[1:], strict=True):
            if token != 0:
                total -= torch.log_softmax(opinion, 0)[token].item() / math.log(2)
                count += 1
    return total / count


def _transposed(logits: Tensor, y: Tensor) -> Tensor:
    from torch.nn.functional import cross_entropy

    return cross_entropy(
        logits[:, :-1].transpose(1, 2).double(), y[:, 1:], ignore_index=0
    ) / np.log(2.0)


def _numpy_bits(logits: Tensor, y: Tensor) -> Any:
    rows, tokens = logits[:, :-1].double().numpy(), y[:, 1:].numpy()
    rows = rows - rows.max(-1, keepdims=True)
    log2_p = (rows - np.log(np.exp(rows).sum(-1, keepdims=True))) / np.log(2)
    return -np.take_along_axis(log2_p, tokens[..., None], -1)[..., 0][tokens > 0].mean()


BITS = Exercise(
    "8.3",
    "bits_per_token",
    _bits_cases,
    _bits_oracle,
    {
        "nats-for-bits": Mutant(
            "these are nats: one bit is ln 2 of them",
            _bits(lambda bits, real: bits[real].mean() * math.log(2)),
        ),
        "targets-unshifted": Mutant(
            "unshifted: row t speaks about the token at t + 1, not about the one at t, which it has"
            " read",
            lambda logits, y: _mean_bits(logits, y),
        ),
        "targets-shifted-backwards": Mutant(
            "shifted the wrong way: row t speaks about the token at t + 1, not at t − 1",
            lambda logits, y: _mean_bits(logits[:, 1:], y[:, :-1]),
        ),
        "padding-scored": Mutant(
            "padding is scored: token 0 is no word, leave its places out",
            _bits(lambda bits, real: bits.mean()),
        ),
        "padding-in-count": Mutant(
            "padding is left out of the sum but not of the count",
            _bits(lambda bits, real: (bits * real).mean()),
        ),
        "padding-mask-from-inputs": Mutant(
            "padding was sought among the tokens that were read: what counts is whether the *next*"
            " token is padding",
            lambda logits, y: _scores(logits, y)[0][y[:, :-1] != 0].mean(),
        ),
        "bits-per-document": Mutant(
            "divided by the number of documents: these are bits per document, per token is"
            " asked for",
            _bits(lambda bits, real: (bits * real).sum() / len(bits)),
        ),
        "first-tokens-counted": Mutant(
            "the first tokens are counted too, though no row speaks about them: one token fewer a"
            " document",
            lambda logits, y: (
                (_scores(logits, y)[0] * _scores(logits, y)[1]).sum() / (y != 0).sum()
            ),
        ),
        "divided-by-all-positions": Mutant(
            "divided by all places, T a document: only those with a next token that is no padding"
            " count",
            lambda logits, y: (_scores(logits, y)[0] * _scores(logits, y)[1]).sum() / y.numel(),
        ),
        "sum-not-mean": Mutant(
            "this is the sum: divide by the number of places that count",
            _bits(lambda bits, real: bits[real].sum()),
        ),
        "mean-per-document-first": Mutant(
            "the documents were averaged first, so that short ones count as much as long ones:"
            " average over tokens",
            _bits(lambda bits, real: _per_document(bits, real).mean()),
        ),
        "per-document-vector": Mutant(
            "one value a document came back: one for all is asked for", _bits(_per_document)
        ),
        "per-token-vector": Mutant(
            "one value a place came back: average them", _bits(lambda bits, real: bits[real])
        ),
        "sign-flipped": Mutant(
            "the sign is flipped: surprise is not negative",
            _bits(lambda bits, real: -bits[real].mean()),
        ),
        "perplexity-for-bits": Mutant(
            "this is 2 to the power of the bits, called perplexity: the bits are asked for",
            _bits(lambda bits, real: 2 ** bits[real].mean()),
        ),
        "ln2-multiplied": Mutant(
            "multiplied by ln 2 in place of divided: a bit is smaller than a nat, so there are more"
            " of them",
            _bits(lambda bits, real: bits[real].mean() * math.log(2) ** 2),
        ),
        "log10-for-log2": Mutant(
            "these are digits, the logarithm to base 10: bits are to base 2",
            _bits(lambda bits, real: bits[real].mean() * math.log10(2)),
        ),
        "log-of-mean-probability": Mutant(
            "the probabilities were averaged before the logarithm: average the surprises",
            _bits(lambda bits, real: -(2.0**-bits)[real].mean().log2()),
        ),
        "mean-probability": Mutant(
            "this is the mean probability of the next token: its surprise is asked for",
            _bits(lambda bits, real: (2.0**-bits)[real].mean()),
        ),
        "softmax-twice": Mutant(
            "the softmax was taken twice: `cross_entropy` wants logits and takes it itself",
            lambda logits, y: _mean_bits(logits[:, :-1].softmax(-1), y[:, 1:]),
        ),
        "logits-as-log-probs": Mutant(
            "the logits were taken for logarithms of probabilities: they need a softmax",
            lambda logits, y: (
                -logits[:, :-1].gather(-1, y[:, 1:, None]).squeeze(-1)[y[:, 1:] != 0].mean()
                / math.log(2)
            ),
        ),
        "entropy-for-cross-entropy": Mutant(
            "this is how uncertain the opinions are, their entropy: their surprise at what came is"
            " asked for",
            lambda logits, y: (
                __import__("torch")
                .distributions.Categorical(logits=logits[:, :-1])
                .entropy()[y[:, 1:] != 0]
                .mean()
                / math.log(2)
            ),
        ),
        "error-rate": Mutant(
            "this is the share of wrong guesses: the surprise is asked for",
            lambda logits, y: (logits[:, :-1].argmax(-1) != y[:, 1:])[y[:, 1:] != 0].float().mean(),
        ),
        "nats-and-padding-scored": Mutant(
            "two things: these are nats, and padding is scored",
            lambda logits, y: _mean_bits(logits[:, :-1], y[:, 1:], ignore=-1) * math.log(2),
        ),
        "nats-and-unshifted": Mutant(
            "two things: these are nats, and row t was compared with the token at t, which it has"
            " read",
            lambda logits, y: _mean_bits(logits, y) * math.log(2),
        ),
        "unshifted-and-padding-scored": Mutant(
            "two things: padding is scored, and row t was compared with the token at t, which it"
            " has read",
            lambda logits, y: _mean_bits(logits, y, ignore=-1),
        ),
        "divided-by-input-tokens": Mutant(
            "divided by the number of tokens that were read: what counts is the tokens that come"
            " next",
            lambda logits, y: (
                (_scores(logits, y)[0] * _scores(logits, y)[1]).sum() / (y[:, :-1] != 0).sum()
            ),
        ),
        "padding-logit-dropped": Mutant(
            "padding was taken out of the choice: its logit belongs in the softmax like any"
            " other, only its *places* are left out",
            lambda logits, y: _mean_bits(logits[:, :-1, 1:], (y[:, 1:] - 1), ignore=-1),
        ),
        "softmax-over-positions": Mutant(
            "the softmax went over the places, dim=1: it goes over the words, the last axis",
            lambda logits, y: (
                -logits.log_softmax(1)[:, :-1]
                .gather(-1, y[:, 1:, None])
                .squeeze(-1)[y[:, 1:] != 0]
                .mean()
                / math.log(2)
            ),
        ),
        "nll-of-argmax": Mutant(
            "this is the surprise at the likeliest word: the surprise at the word that came is"
            " asked for",
            lambda logits, y: (
                -logits[:, :-1].log_softmax(-1).max(-1).values[y[:, 1:] != 0].mean() / math.log(2)
            ),
        ),
        "log-of-mean-nll": Mutant(
            "the logarithm was taken of the average surprise: `cross_entropy` has taken it already",
            lambda logits, y: (_mean_bits(logits[:, :-1], y[:, 1:]) * math.log(2)).log2(),
        ),
        "last-position-only": Mutant(
            "only the last place of each document was scored",
            lambda logits, y: (
                _mean_bits(logits[:, -2:-1], y[:, -1:])
                if (y[:, -1] != 0).any()
                else logits.sum() * 0
            ),
        ),
        "epsilon-inside-log": Mutant(
            "a number added for safety inside the logarithm changes the surprise: use"
            " `cross_entropy` or `log_softmax`",
            lambda logits, y: (
                -(logits[:, :-1].softmax(-1).gather(-1, y[:, 1:, None]).squeeze(-1) + 1e-3)
                .log2()[y[:, 1:] != 0]
                .mean()
            ),
        ),
    },
    {
        "log_softmax and gather": _bits(lambda bits, real: bits[real].mean()),
        "in loops": _bits_in_loops,
        "classes on axis 1, float64": _transposed,
        "NumPy": _numpy_bits,
    },
)

# ---- 8.4 lstm_step -------------------------------------------------------------------------------

NOT_A_PAIR = "two things are asked for, the new h and the new c, in this order"


def _stepped(ask: Ask, *args: Any) -> dict[str, Any]:
    try:
        return ask.probe("lesson08.stepped", *args)
    except AnswerRaised as error:
        if error.raised.message == "no pair came back":
            raise NotData(NOT_A_PAIR) from None
        raise


def _lstm_args(
    rng: np.random.Generator, steps: int, B: int, D: int, H: int
) -> tuple[TensorArg, ...]:
    """x (steps, B, D), h and c (B, H), and the four weights in torch's layout."""
    shapes = [(steps, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,), (4 * H,)]
    return tuple(TensorArg(rng.normal(size=shape)) for shape in shapes)


def _lstm_cases(rng: np.random.Generator) -> list[Case]:
    plain = _lstm_args(rng, 1, 1, 1, 1)
    weights = (
        TensorArg(np.zeros((4, 1))),
        TensorArg(np.zeros((4, 1))),
        TensorArg(np.array([0.0, 30.0, 0.0, 30.0])),
        TensorArg(np.zeros(4)),
    )
    remember = (plain[0], plain[1], TensorArg(np.array([[0.7]])), *weights)
    return [
        close_case(
            "a forget gate wide open, no proposal: c = 0.7 stays, and h = tanh(0.7)",
            remember,
            _stepped,
        ),
        close_case(
            "one step, three rows, four inputs, two numbers of memory",
            _lstm_args(rng, 1, 3, 4, 2),
            _stepped,
        ),
        close_case(
            "one step, two rows, as many inputs as numbers of memory",
            _lstm_args(rng, 1, 2, 3, 3),
            _stepped,
        ),
        close_case("five steps in a row", _lstm_args(rng, 5, 2, 3, 4), _stepped),
    ]


def _lstm_oracle(x: Tensor, h: Tensor, c: Tensor, weights: Any) -> Any:
    import torch

    cell = torch.nn.utils.skip_init(torch.nn.LSTMCell, x.shape[1], h.shape[1])
    with torch.no_grad():
        for name, weight in zip(
            ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=True
        ):
            getattr(cell, name).copy_(weight)
        return cell(x, (h, c))


def _step(
    order: str = "ifgo",
    gates: Answer = lambda x, h, w: x @ w[0].T + w[2] + h @ w[1].T + w[3],
    open_: Answer = lambda z: z.sigmoid(),
    propose: Answer = lambda z: z.tanh(),
    edit: Answer = lambda i, f, g, c: f * c + i * g,
    show: Answer = lambda o, c, old: o * c.tanh(),
    out: Answer = lambda h, c, old_h, old_c: (h, c),
) -> Answer:
    """An answer to 8.4, one part of which may be changed. `order` names the four blocks of the
    weights.
    """

    def lstm_step(x: Tensor, h: Tensor, c: Tensor, weights: Any) -> Any:
        blocks = dict(zip(order, gates(x, h, weights).chunk(4, dim=1), strict=True))
        i, f, o = (open_(blocks[name]) for name in "ifo")
        new_c = edit(i, f, propose(blocks["g"]), c)
        return out(show(o, new_c, c), new_c, h, c)

    return lstm_step


def _functional(x: Tensor, h: Tensor, c: Tensor, weights: Any) -> Any:
    import torch
    from torch.nn.functional import linear

    both = torch.cat([x, h], dim=1)
    gates = linear(both, torch.cat([weights[0], weights[1]], dim=1), weights[2] + weights[3])
    H = h.shape[1]
    c = torch.sigmoid(gates[:, H : 2 * H]) * c + torch.sigmoid(gates[:, :H]) * torch.tanh(
        gates[:, 2 * H : 3 * H]
    )
    return torch.sigmoid(gates[:, 3 * H :]) * torch.tanh(c), c


def _lstm_numpy(x: Any, h: Any, c: Any, weights: Any) -> Any:
    import torch
    from scipy.special import expit

    x, h, c, (w, u, a, b) = x.numpy(), h.numpy(), c.numpy(), (weight.numpy() for weight in weights)
    i, f, g, o = np.split(x @ w.T + h @ u.T + a + b, 4, axis=1)
    c = expit(f) * c + expit(i) * np.tanh(g)
    return torch.tensor(expit(o) * np.tanh(c)), torch.tensor(c)


def _lstm_rows(x: Tensor, h: Tensor, c: Tensor, weights: Any) -> Any:
    import torch

    pairs = [_step()(x[b : b + 1], h[b : b + 1], c[b : b + 1], weights) for b in range(len(x))]
    return tuple(torch.cat(part) for part in zip(*pairs, strict=True))


def _interleaved(x: Tensor, h: Tensor, c: Tensor, weights: Any) -> Any:
    return _step()(
        x, h, c, [weight.unflatten(0, (-1, 4)).transpose(0, 1).flatten(0, 1) for weight in weights]
    )


def _shown_by_forget(x: Tensor, h: Tensor, c: Tensor, weights: Any) -> Any:
    W, U, b_x, b_h = weights
    i, f, g, _ = (x @ W.T + b_x + h @ U.T + b_h).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return f.sigmoid() * c.tanh(), c


def _hard(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


LSTM = Exercise(
    "8.4",
    "lstm_step",
    _lstm_cases,
    _lstm_oracle,
    {
        "gate-order-ifog": Mutant(
            "the blocks were read in the order i, f, o, g: in torch's weights the proposal g comes"
            " third",
            _step("ifog"),
        ),
        "gate-order-figo": Mutant(
            "input and forget gate are exchanged: block one is i, which lets the proposal in, block"
            " two f, which keeps the old ledger",
            _step("figo"),
        ),
        "gate-order-fiog": Mutant(
            "the blocks were read in the order f, i, o, g: torch's order is i, f, g, o",
            _step("fiog"),
        ),
        "gate-order-igfo": Mutant(
            "the blocks were read in the order i, g, f, o: torch's order is i, f, g, o",
            _step("igfo"),
        ),
        "gate-order-iofg": Mutant(
            "the blocks were read in the order i, o, f, g: torch's order is i, f, g, o",
            _step("iofg"),
        ),
        "gate-order-gifo": Mutant(
            "the blocks were read in the order g, i, f, o: torch's order is i, f, g, o",
            _step("gifo"),
        ),
        "gate-order-ofig": Mutant(
            "the blocks were read in the order o, f, i, g: torch's order is i, f, g, o",
            _step("ofig"),
        ),
        "sigmoid-candidate": Mutant(
            "the proposal went through a sigmoid: it must be able to subtract, so tanh",
            _step(propose=lambda z: z.sigmoid()),
        ),
        "linear-candidate": Mutant(
            "the proposal went through nothing at all: tanh keeps it between −1 and 1",
            _step(propose=lambda z: z),
        ),
        "relu-candidate": Mutant(
            "the proposal went through a ReLU: it must be able to subtract, so tanh",
            _step(propose=lambda z: z.relu()),
        ),
        "tanh-gates": Mutant(
            "the gates went through tanh: a gate lies between 0 and 1, so a sigmoid",
            _step(open_=lambda z: z.tanh()),
        ),
        "linear-gates": Mutant(
            "the gates went through nothing: a gate lies between 0 and 1, so a sigmoid",
            _step(open_=lambda z: z),
        ),
        "hard-threshold-gates": Mutant(
            "the gates are either open or shut: a sigmoid lies between", _step(open_=_hard)
        ),
        "old-hidden-returned": Mutant(
            "the old h came back: the new one is asked for",
            _step(out=lambda h, c, old_h, old_c: (old_h, c)),
        ),
        "old-cell-returned": Mutant(
            "the old c came back: the new one is asked for",
            _step(out=lambda h, c, old_h, old_c: (h, old_c)),
        ),
        "hidden-from-old-cell": Mutant(
            "h shows the old ledger: it is made from the new c",
            _step(show=lambda o, c, old: o * old.tanh()),
        ),
        "no-tanh-on-cell": Mutant(
            "h shows c as it is: it goes through tanh first", _step(show=lambda o, c, old: o * c)
        ),
        "no-output-gate": Mutant(
            "h is tanh(c) without the output gate", _step(show=lambda o, c, old: c.tanh())
        ),
        "output-gate-only": Mutant(
            "h is the output gate alone: it opens onto tanh(c)", _step(show=lambda o, c, old: o)
        ),
        "tanh-after-output-gate": Mutant(
            "the tanh stands around gate and ledger together: only c goes through it",
            _step(show=lambda o, c, old: (o * c).tanh()),
        ),
        "outputs-swapped": Mutant(
            "c and h came back in the wrong order: first h, then c",
            _step(out=lambda h, c, old_h, old_c: (c, h)),
        ),
        "no-input-gate": Mutant(
            "the input gate is missing: the proposal is entered in full",
            _step(edit=lambda i, f, g, c: f * c + g),
        ),
        "no-forget-gate": Mutant(
            "the forget gate is missing: the old ledger is kept in full",
            _step(edit=lambda i, f, g, c: c + i * g),
        ),
        "forget-gate-inverted": Mutant(
            "1 − f keeps the old ledger: f says how much is *kept*",
            _step(edit=lambda i, f, g, c: (1 - f) * c + i * g),
        ),
        "coupled-input-forget-gate": Mutant(
            "the proposal is entered with 1 − f: the LSTM has an input gate of its own",
            _step(edit=lambda i, f, g, c: f * c + (1 - f) * g),
        ),
        "old-cell-missing": Mutant(
            "the old ledger is not there: c is edited, not rewritten",
            _step(edit=lambda i, f, g, c: i * g),
        ),
        "candidate-subtracted": Mutant(
            "the proposal was subtracted from the ledger",
            _step(edit=lambda i, f, g, c: f * c - i * g),
        ),
        "hidden-bias-missing": Mutant(
            "the second bias, b_hh, is missing",
            _step(gates=lambda x, h, w: x @ w[0].T + w[2] + h @ w[1].T),
        ),
        "input-bias-missing": Mutant(
            "the first bias, b_ih, is missing",
            _step(gates=lambda x, h, w: x @ w[0].T + h @ w[1].T + w[3]),
        ),
        "both-biases-missing": Mutant(
            "both biases are missing", _step(gates=lambda x, h, w: x @ w[0].T + h @ w[1].T)
        ),
        "recurrent-input-missing": Mutant(
            "h is not heard: the gates look at x and at h",
            _step(gates=lambda x, h, w: x @ w[0].T + w[2] + w[3]),
        ),
        "input-x-missing": Mutant(
            "x is not heard: the gates look at x and at h",
            _step(gates=lambda x, h, w: h @ w[1].T + w[2] + w[3]),
        ),
        "old-hidden-for-cell": Mutant(
            "the ledger was made from the old h: f keeps the old *c*",
            lambda x, h, c, w: _step()(x, h, h, w),
        ),
        "input-bias-twice": Mutant(
            "the first bias was added twice: the second one is b_hh",
            _step(gates=lambda x, h, w: x @ w[0].T + w[2] + h @ w[1].T + w[2]),
        ),
        "sigmoid-then-tanh-candidate": Mutant(
            "all four blocks went through a sigmoid, and g through tanh besides: the proposal goes"
            " through tanh alone",
            _step(propose=lambda z: z.sigmoid().tanh()),
        ),
        "sigmoid-on-cell": Mutant(
            "a sigmoid stands around the ledger: h shows tanh(c)",
            _step(show=lambda o, c, old: o * c.sigmoid()),
        ),
        "tanh-on-stored-cell": Mutant(
            "the ledger itself went through tanh: only what is shown does",
            _step(edit=lambda i, f, g, c: (f * c + i * g).tanh(), show=lambda o, c, old: o * c),
        ),
        "forget-gate-for-output-gate": Mutant(
            "the forget gate opens onto tanh(c): what is shown is the output gate's business",
            _shown_by_forget,
        ),
        "interleaved-gate-rows": Mutant(
            "the gates were read as every fourth row: torch's blocks of H rows follow each other",
            _interleaved,
        ),
        "forget-bias-plus-one": Mutant(
            "the forget gate got an extra 1: that belongs in the bias when training starts, not"
            " into the step",
            lambda x, h, c, w: _step(
                gates=lambda x, h, w: x @ w[0].T + w[2] + h @ w[1].T + w[3] + _second_quarter(h)
            )(x, h, c, w),
        ),
    },
    {
        "one matrix for both": _functional,
        "NumPy": _lstm_numpy,
        "row by row": _lstm_rows,
        "in float64": lambda x, h, c, w: _step()(
            x.double(), h.double(), c.double(), [weight.double() for weight in w]
        ),
        "a list of two": _step(out=lambda h, c, old_h, old_c: [h, c]),
    },
)


def _second_quarter(h: Tensor) -> Tensor:
    import torch

    H = h.shape[1]
    return torch.cat([torch.zeros(H), torch.ones(H), torch.zeros(2 * H)])


# ---- 8.5 train_writer ----------------------------------------------------------------------------


WRITTEN, BAR = 200, 0.95  # documents asked for; share of them that must be grammatical
FACTS = {
    "rows": f"write(n, rng) returns n rows of tokens, whole numbers, here {WRITTEN} rows",
    "vocabulary": "all tokens stand for words: from 0 up to the largest number in y",
    "start": "every row begins with token 1, the start of a document",
    "box": (
        "most documents begin with the six facts of a possible match and a colon: if not, does the"
        " model look at what it has written so far, was it trained with a mask, and on the *next*"
        " token?"
    ),
    "ends": (
        "most documents come to an end, the end token within the longest length of y: are rows long"
        " enough?"
    ),
    "different": (
        "nine documents in ten are different from all others: does `rng` decide, and is the"
        " temperature not too low?"
    ),
    "new": (
        "nine reports in ten, what follows the colon, stand in no training document: new ones are"
        " asked for, not copies"
    ),
    "facts": (
        "of the facts told in grammatical reports, at least half agree with the document's own"
        " head: a table of the last words cannot do that, attention or a good memory can"
    ),
}
REACHED = f"the share of grammatical documents, where {BAR} or more is asked for"
NO_WRITER = "`train_writer` returns a function write(n, rng)"


def _writer_judged(ask: Ask, y: TensorArg, seed: Seed) -> dict[str, Any]:
    """FACTS that hold up to the first that does not; the share of grammatical documents last, up to
    the bar.
    """
    try:
        rows = numbers_in(ask.probe("lesson08.writer", y, WRITTEN, seed))
    except AnswerRaised as error:
        if "not callable" in error.raised.message:
            raise NotData(NO_WRITER) from None
        raise
    return until_one_fails(_writer_facts(rows, y.values), FACTS)


def _writer_facts(rows: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Pairs of a key of FACTS and whether it holds, in an order in which each may rely on those
    before it.
    """
    from course_utils.lesson08 import newsroom

    yield (
        "rows",
        rows.ndim == 2 and len(rows) == WRITTEN and rows.shape[1] > 0 and rows.dtype.kind in "iu",
    )
    yield "vocabulary", 0 <= rows.min() and rows.max() < len(newsroom.VOCABULARY)
    yield "start", (rows[:, 0] == 1).all()
    documents = [_words(row) for row in rows]
    heads = [newsroom.facts_of(words) for words in documents]
    yield "box", np.mean([head is not None for head in heads]) > 0.5
    yield "ends", np.mean([words[-1] == newsroom.END for words in documents]) > 0.5
    texts = {" ".join(words) for words in documents}
    yield "different", len(texts) >= 0.9 * WRITTEN
    printed = {" ".join(_words(row)[8:]) for row in y}
    yield "new", np.mean([" ".join(words[8:]) not in printed for words in documents]) >= 0.9
    told = [
        newsroom.told(words[8:-1]) if head else None
        for head, words in zip(heads, documents, strict=True)
    ]
    right = [
        getattr(head, kind) == word
        for head, facts in zip(heads, told, strict=True)
        for kind, word in facts or ()
    ]
    yield "facts", not right or np.mean(right) >= 0.5
    share = float(np.mean([facts is not None for facts in told]))
    yield REACHED, math.floor(100 * min(share, BAR) + 1e-9) / 100


def _words(row: np.ndarray) -> list[str]:
    from course_utils.lesson08.newsroom import END, VOCABULARY

    words = [VOCABULARY[token] for token in row]
    return words[: words.index(END) + 1] if END in words else words


def _tokens(documents: list[list[str]]) -> np.ndarray:
    """Lists of words as rows of tokens, padded with 0."""
    from course_utils.lesson08.newsroom import VOCABULARY

    number = {word: i for i, word in enumerate(VOCABULARY)}
    longest = max(map(len, documents))
    return np.array(
        [[number[word] for word in words] + [0] * (longest - len(words)) for words in documents]
    )


def _writer_cases(rng: np.random.Generator) -> list[Case]:
    from course_utils.lesson08 import newsroom

    corpus = np.random.default_rng(int(rng.integers(2**31)))
    y = TensorArg(_tokens([newsroom.document(corpus) for _ in range(4000)]))
    return [
        Case(
            f"trained on 4,000 documents, asked for {WRITTEN} new ones",
            (y, Seed(int(rng.integers(2**31)))),
            _writer_judged,
            want={fact: True for fact in FACTS.values()} | {REACHED: BAR},
        )
    ]


def _network(kind: str, V: int, longest: int) -> Any:
    """A model of next tokens: (B, t) -> (B, t, V)."""
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place, self.out = (
                nn.Embedding(V, 64),
                nn.Embedding(longest + 1, 64),
                nn.Linear(64, V),
            )
            if kind == "attention":
                layer = nn.TransformerEncoderLayer(
                    64, 4, 192, dropout=0.0, batch_first=True, norm_first=True
                )
                self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            else:
                self.body = getattr(nn, kind)(64, 160, batch_first=True)
                self.out = nn.Linear(160, V)
                if isinstance(self.body, nn.LSTM):
                    nn.init.constant_(self.body.get_parameter("bias_ih_l0")[160:320], 2.0)

        def forward(self, y: Tensor) -> Tensor:
            if kind == "attention":
                T = y.shape[1]
                x = self.token(y) + self.place.weight[:T]
                return self.out(self.body(x, mask=torch.ones(T, T, dtype=torch.bool).triu(1)))
            return self.out(self.body(self.token(y))[0])

    return Model()


def _fitted(model: Any, y: Tensor, steps: int, lr: float, ahead: int = 1) -> Any:
    import torch
    from torch.nn.functional import cross_entropy

    optimizer = torch.optim.AdamW(model.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.2)
    for _ in range(steps):
        seen = y[torch.randint(len(y), (32,))]
        opinions, answers = model(seen[:, : seen.shape[1] - ahead]), seen[:, ahead:]
        loss = cross_entropy(opinions.flatten(0, 1), answers.flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model


def _writes(
    kind: str = "attention",
    steps: int = 400,
    lr: float = 5e-3,
    ahead: int = 1,
    T: float = 1.0,
    longest: int = 0,
    seeded: bool = True,
    out: Answer = lambda rows: rows,
) -> Answer:
    """An answer to 8.5, of which some part may be changed. The caller's random state stays as it
    is.
    """

    def train_writer(y: Tensor) -> Callable[..., Any]:
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = _fitted(_network(kind, int(y.max()) + 1, y.shape[1]), y, steps, lr, ahead)
        model.eval()

        @torch.no_grad()
        def write(n: int, rng: np.random.Generator) -> Tensor:
            rows, rng = (
                torch.ones(n, 1, dtype=torch.long),
                rng if seeded else np.random.default_rng(0),
            )
            sample = _nucleus()
            for _ in range((longest or y.shape[1]) - 1):
                rows = torch.cat([rows, sample(model(rows)[:, -1], T, 0.9, rng)[:, None]], dim=1)
            return out(rows)

        return write

    return train_writer


def _copier(y: Any) -> Callable[..., Any]:
    return lambda n, rng: y[rng.permutation(len(y))[:n]]


def _long_table(y: Any) -> Callable[..., Any]:
    """Continues with what followed the last ten words somewhere in the training documents: fluent,
    and untrue.
    """
    from collections import defaultdict

    after = defaultdict(list)
    for row in y.tolist():
        for t in range(1, len(row)):
            for length in range(1, min(t, 10) + 1):
                after[tuple(row[t - length : t])].append(row[t])

    def write(n: int, rng: np.random.Generator) -> list[list[int]]:
        rows = [[1] for _ in range(n)]
        for row in rows:
            while len(row) < y.shape[1]:
                length = next(
                    k
                    for k in range(min(len(row), 10), 0, -1)
                    if len(after[tuple(row[-k:])]) > (k > 4)
                )
                row.append(int(rng.choice(after[tuple(row[-length:])])))
        return rows

    return write


def _always_the_same(y: Any) -> Callable[..., Any]:
    return lambda n, rng: y[:1].repeat(n, 1)


WRITER = Exercise(
    "8.5",
    "train_writer",
    _writer_cases,
    None,
    {"no-function-returned": Mutant(NO_WRITER, lambda y: y)}
    | breaking(
        FACTS,
        {
            "rows": lambda y: lambda n, rng: y[:n].float(),
            "vocabulary": lambda y: lambda n, rng: y[:n] + 100,
            "start": lambda y: lambda n, rng: y[:n, 1:],
            "box": _writes(steps=60, ahead=0),
            "ends": lambda y: lambda n, rng: y[rng.permutation(len(y))[:n], :20],
            "different": _always_the_same,
            "new": _copier,
            "facts": _long_table,
        },
    ),
    {
        "torch's own Transformer layers": _writes(steps=700, lr=8e-3),
        "an LSTM with open gates": _writes("LSTM", steps=700, lr=8e-3),
        "torch's own Transformer layers, colder": _writes(steps=600, lr=8e-3, T=0.8),
    },
    seconds=240.0,
)

EXERCISES = [MASK, TOP_P, BITS, LSTM, WRITER]
