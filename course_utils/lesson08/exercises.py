"""The exercises of lesson 08: bits per token, attention, a Transformer's block, the loop that
writes, sampling from the nucleus, one step of an LSTM, a writer.
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
from course_utils.lesson08.probes import ONE_ROW_EACH

if TYPE_CHECKING:
    from torch import Tensor

close_case = partial(Case, rtol=1e-4, atol=1e-5)  # float32


# ---- 8.1 bits_per_token --------------------------------------------------------------------------


TRAINS = (
    "the gradient reaches the logits, since this loss trains networks: stay in PyTorch, without"
    " `.detach()`, `.item()` or `.numpy()`"
)


def _trains(ask: Ask, *args: Any) -> dict[str, bool]:
    return {TRAINS: bool(ask.probe("lesson08.reached_by_gradient", *args))}


def _documents(rng: np.random.Generator, lengths: list[int], V: int) -> TensorArg:
    """Token rows (B, T) of these lengths, the rest padding."""
    T = max(lengths)
    y = rng.integers(1, V, size=(len(lengths), T))
    return TensorArg(np.where(np.arange(T) < np.array(lengths)[:, None], y, 0))


def _number(ask: Ask, *args: Any) -> Any:
    """The bits, which the next cells ask for their `.item()`."""
    return ask.probe("lesson08.number", *args)


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
            _number,
        ),
        close_case(
            "eight tokens equally likely: 3 bits",
            (TensorArg(np.zeros((2, 4, 8))), _documents(rng, [4, 4], 8)),
            _number,
        ),
        close_case("three documents without padding", (logits(full, 6), full), _number),
        close_case("four documents of different lengths", (logits(ragged, 6), ragged), _number),
        close_case(
            "two documents of different lengths, twice with the same tensors",
            (logits(other, 6), other),
            again,
        ),
        Case(
            "a gradient for the logits",
            (logits(ragged, 6), ragged),
            _trains,
            want={TRAINS: True},
        ),
        close_case(
            "very certain predictions, logits of ±300",
            (TensorArg(rng.choice([-300.0, 300.0], size=(2, 5, 6))), _documents(rng, [5, 3], 6)),
            _number,
            stress=True,
        ),
    ]


def _bits_oracle(logits: Tensor, y: Tensor) -> np.floating:
    from scipy.special import logsumexp

    rows, tokens = logits.double().numpy(), y.numpy()
    nll = [
        logsumexp(rows[b, t]) - rows[b, t, tokens[b, t + 1]]
        for b in range(len(tokens))
        for t in range(tokens.shape[1] - 1)
        if tokens[b, t + 1] != 0
    ]
    return np.mean(nll) / math.log(2)


def _scores(logits: Tensor, y: Tensor) -> tuple[Any, Any]:
    """log2 p of every next token and whether it is one: (B, T-1), bool (B, T-1)."""
    log_p = logits[:, :-1].log_softmax(-1).gather(-1, y[:, 1:, None]).squeeze(-1) / math.log(2)
    return -log_p, y[:, 1:] != 0


def _mean_bits(opinions: Tensor, answers: Tensor, ignore: int = 0) -> Tensor:
    from torch.nn.functional import cross_entropy

    rows = opinions.flatten(0, -2)  # (positions, V)
    return cross_entropy(rows, answers.flatten(), ignore_index=ignore) / math.log(2)


def _bits(change: Callable[[Any, Any], Any]) -> Answer:
    """An answer to 8.1 from what `_scores` gives."""
    return lambda logits, y: change(*_scores(logits, y))


def _log_of_logits(change: Answer) -> Answer:
    def answer(logits: Tensor, y: Tensor) -> Tensor:
        chosen = logits[:, :-1].gather(-1, y[:, 1:, None]).squeeze(-1)
        return -change(chosen[y[:, 1:] != 0]).log2().mean()

    return answer


def _per_document(bits: Tensor, real: Tensor) -> Tensor:
    return (bits * real).sum(1) / real.sum(1)


def _bits_in_loops(logits: Tensor, y: Tensor) -> Tensor:
    import torch

    total, count = torch.zeros((), dtype=torch.float64), 0
    for row, tokens in zip(logits.double(), y, strict=True):
        for scores, token in zip(row[:-1], tokens[1:], strict=True):
            if token != 0:
                total = total - torch.log_softmax(scores, 0)[token] / math.log(2)
                count += 1
    return total / count


def _transposed(logits: Tensor, y: Tensor) -> Tensor:
    from torch.nn.functional import cross_entropy

    return cross_entropy(
        logits[:, :-1].transpose(1, 2).double(), y[:, 1:], ignore_index=0
    ) / np.log(2.0)


BITS = Exercise(
    "8.1",
    "bits_per_token",
    _bits_cases,
    _bits_oracle,
    {
        "nats-for-bits": Mutant(
            "these are nats: one bit is ln 2 of them",
            _bits(lambda bits, real: bits[real].mean() * math.log(2)),
        ),
        "targets-unshifted": Mutant(
            "unshifted: row t predicts the token at t + 1, not the one at t, which it has read",
            lambda logits, y: _mean_bits(logits, y),
        ),
        "targets-shifted-backwards": Mutant(
            "shifted the wrong way: row t predicts the token at t + 1, not the one at t − 1",
            lambda logits, y: _mean_bits(logits[:, 1:], y[:, :-1]),
        ),
        "padding-scored": Mutant(
            "padding is scored: leave out the positions whose next token is 0",
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
            "the first tokens are counted too, though no row predicts them: one token fewer per"
            " document",
            lambda logits, y: (
                (_scores(logits, y)[0] * _scores(logits, y)[1]).sum() / (y != 0).sum()
            ),
        ),
        "divided-by-all-positions": Mutant(
            "divided by all positions, T per document: only those with a next token that is no"
            " padding count",
            lambda logits, y: (_scores(logits, y)[0] * _scores(logits, y)[1]).sum() / y.numel(),
        ),
        "gradient-cut": Mutant(
            does_not_hold(TRAINS),
            _bits(lambda bits, real: bits[real].mean().detach()),
        ),
        "sum-not-mean": Mutant(
            "this is the sum: divide by the number of positions that count",
            _bits(lambda bits, real: bits[real].sum()),
        ),
        "mean-per-document-first": Mutant(
            "the documents were averaged first, so that short ones count as much as long ones:"
            " average over tokens",
            _bits(lambda bits, real: _per_document(bits, real).mean()),
        ),
        "per-document-vector": Mutant(
            "one value per document came back: one for all is asked for", _bits(_per_document)
        ),
        "per-token-vector": Mutant(
            "one value per position came back: average them", _bits(lambda bits, real: bits[real])
        ),
        "sign-flipped": Mutant(
            "the sign is flipped: a negative log-likelihood is not negative",
            _bits(lambda bits, real: -bits[real].mean()),
        ),
        "perplexity-for-bits": Mutant(
            "this is 2 to the power of the bits, called perplexity: the bits are asked for",
            _bits(lambda bits, real: 2 ** bits[real].mean()),
        ),
        "ln2-multiplied": Mutant(
            "multiplied by ln 2, not divided: a bit is smaller than a nat, so there are more"
            " of them",
            _bits(lambda bits, real: bits[real].mean() * math.log(2) ** 2),
        ),
        "log10-for-log2": Mutant(
            "the logarithm is to base 10: bits are to base 2",
            _bits(lambda bits, real: bits[real].mean() * math.log10(2)),
        ),
        "log-of-mean-probability": Mutant(
            "the probabilities were averaged before the logarithm: average the logarithms",
            _bits(lambda bits, real: -(2.0**-bits)[real].mean().log2()),
        ),
        "mean-probability": Mutant(
            "this is the mean probability of the next token: minus its logarithm is asked for",
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
        "log-of-logits": Mutant(
            "the logarithm was taken of the logits, which are no probabilities and may be negative:"
            " take `log_softmax`",
            _log_of_logits(lambda chosen: chosen),
        ),
        "log-of-clamped-logits": Mutant(
            "the logarithm was taken of the logits, cut off where they are negative: logits are no"
            " probabilities, so take `log_softmax`",
            _log_of_logits(lambda chosen: chosen.clamp(min=1e-9)),
        ),
        "sum-in-nats": Mutant(
            "two things: this is the sum, and it is in nats",
            _bits(lambda bits, real: bits[real].sum() * math.log(2)),
        ),
        "nats-per-document": Mutant(
            "two things: divided by the number of documents, and in nats",
            _bits(lambda bits, real: (bits * real).sum() / len(bits) * math.log(2)),
        ),
        "entropy-for-cross-entropy": Mutant(
            "this is the entropy of the predictions: the negative log-likelihood of the token that"
            " came is asked for",
            lambda logits, y: (
                __import__("torch")
                .distributions.Categorical(logits=logits[:, :-1])
                .entropy()[y[:, 1:] != 0]
                .mean()
                / math.log(2)
            ),
        ),
        "error-rate": Mutant(
            "this is the error rate: the negative log-likelihood is asked for",
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
            " other, only its *positions* are left out",
            lambda logits, y: _mean_bits(logits[:, :-1, 1:], (y[:, 1:] - 1), ignore=-1),
        ),
        "softmax-over-positions": Mutant(
            "the softmax went over the positions, dim=1: it goes over the vocabulary, the last"
            " axis",
            lambda logits, y: (
                -logits.log_softmax(1)[:, :-1]
                .gather(-1, y[:, 1:, None])
                .squeeze(-1)[y[:, 1:] != 0]
                .mean()
                / math.log(2)
            ),
        ),
        "softmax-over-predicting-positions": Mutant(
            "the softmax went over the positions, dim=1: it goes over the vocabulary, the last"
            " axis",
            lambda logits, y: (
                -logits[:, :-1]
                .log_softmax(1)
                .gather(-1, y[:, 1:, None])
                .squeeze(-1)[y[:, 1:] != 0]
                .mean()
                / math.log(2)
            ),
        ),
        "axes-reshaped": Mutant(
            "the logits were reshaped to (B, V, T − 1), which mixes numbers of different"
            " positions: swap the axes with `.transpose(1, 2)`",
            lambda logits, y: _mean_bits(
                logits[:, :-1].reshape(len(y), logits.shape[-1], -1).transpose(1, 2), y[:, 1:]
            ),
        ),
        "flattened-before-shift": Mutant(
            "flattened before the shift: the last row of each document was scored on the first"
            " token of the next one",
            lambda logits, y: _mean_bits(logits.flatten(0, 1)[:-1], y.flatten()[1:]),
        ),
        "nll-of-argmax": Mutant(
            "this is the negative log-likelihood of the most likely token: that of the token that"
            " came is asked for",
            lambda logits, y: (
                -logits[:, :-1].log_softmax(-1).max(-1).values[y[:, 1:] != 0].mean() / math.log(2)
            ),
        ),
        "log-of-mean-nll": Mutant(
            "the logarithm was taken of the average, but `cross_entropy` has taken it already",
            lambda logits, y: (_mean_bits(logits[:, :-1], y[:, 1:]) * math.log(2)).log2(),
        ),
        "last-position-only": Mutant(
            "only the last position of each document was scored",
            lambda logits, y: (
                _mean_bits(logits[:, -2:-1], y[:, -1:])
                if (y[:, -1] != 0).any()
                else logits.sum() * 0
            ),
        ),
        "epsilon-inside-log": Mutant(
            "a number added for safety inside the logarithm changes the result: use"
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
    },
)

# ---- 8.2 attention -------------------------------------------------------------------------------

NO_PAIR = "two things are asked for, the output and the weights, in this order"
FLOWS = "the gradient reaches q, k and v"
OFTEN = 8  # calls in a row, which a loop over positions is too slow for


def _attended(ask: Ask, *args: Any) -> dict[str, Any]:
    try:
        return ask.probe("lesson08.attended", *args)
    except AnswerRaised as error:
        if error.raised.message == "no pair came back":
            raise NotData(NO_PAIR) from None
        raise


def _flowing(ask: Ask, *args: Any) -> dict[str, bool]:
    return {FLOWS: bool(ask.probe("lesson08.reached_by_gradient", *args))}


def _often(ask: Ask, *args: Any) -> Any:
    """The output of the last of many calls."""
    return ask.probe("lesson08.repeated", OFTEN, *args)


def _attention_cases(rng: np.random.Generator) -> list[Case]:
    def args(shape: tuple, T: int, S: int, d: int, e: int) -> tuple[TensorArg, ...]:
        sizes = [(*shape, T, d), (*shape, S, d), (*shape, S, e)]
        return tuple(TensorArg(rng.normal(size=size) * 1.5) for size in sizes)

    toy = ([[1.0, 1, 1, 1]], [[0.0, 0, 0, 0], [1, 1, 0, 0]], [[10.0], [20]])
    big = args((256, 4), 8, 8, 4, 4)
    return [
        close_case(
            "one query, two keys, d = 4, products 0 and 2: weights 0.269 and 0.731",
            (*(TensorArg(np.array(part)) for part in toy), True),
            _attended,
        ),
        close_case("four positions, causal", (*args((), 4, 4, 9, 3), True), _attended),
        close_case(
            "two documents, three heads, five positions, causal",
            (*args((2, 3), 5, 5, 8, 8), True),
            _attended,
        ),
        close_case(
            "three queries, five keys, not causal", (*args((2,), 3, 5, 4, 4), False), _attended
        ),
        close_case(
            "the last two of five positions, causal", (*args((2,), 2, 5, 4, 6), True), _attended
        ),
        close_case("the last of four positions, causal", (*args((), 1, 4, 4, 2), True), _attended),
        Case(
            "a gradient for q, k and v",
            (*args((2,), 4, 4, 4, 4), True),
            _flowing,
            want={FLOWS: True},
        ),
        Case(  # float32 knows scores of thousands to a thousandth
            "scores far apart",
            (*(TensorArg(30 * a.values) for a in args((), 4, 4, 4, 2)), True),
            _attended,
            rtol=1e-2,
            atol=0.1,
            stress=True,
        ),
        close_case(
            "256 documents, four heads, eight positions, eight calls in a row",
            (*big, True),
            _often,
            want=_worked_out(big[0].values, big[1].values, big[2].values, True)[0],
        ),
    ]


def _attention_oracle(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
    import torch

    output, weights = _worked_out(q.numpy(), k.numpy(), v.numpy(), causal)
    return torch.tensor(output), torch.tensor(weights)


def _worked_out(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import softmax

    T, S = q.shape[-2], k.shape[-2]
    scores = np.einsum("...td,...sd->...ts", q, k) * q.shape[-1] ** -0.5
    if causal:
        hidden = np.arange(S)[None, :] > np.arange(S - T, S)[:, None]
        scores = np.where(hidden, -np.inf, scores)
    weights = softmax(scores, axis=-1)
    return np.einsum("...ts,...sj->...tj", weights, v), weights


def _visible(T: int, S: int) -> Tensor:
    return _ones(T, S).tril(S - T)


def _ones(T: int, S: int) -> Tensor:
    import torch

    return torch.ones(T, S, dtype=torch.bool)


def _attend(
    score: Answer = lambda q, k: q @ k.mT / math.sqrt(q.shape[-1]),
    visible: Answer = _visible,
    fill: float = -math.inf,
    normalize: Answer = lambda scores: scores.softmax(-1),
    when: Answer = lambda causal: causal,
    value: Answer = lambda k, v: v,
    out: Answer = lambda output, weights, scores: (output, weights),
) -> Answer:
    """An answer to 8.2, one part of which may be changed."""

    def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> Any:
        scores = score(q, k)
        T, S = scores.shape[-2:]
        seen = visible(T, S) if when(causal) else _ones(T, S)
        weights = normalize(scores.masked_fill(~seen, fill))
        return out(weights @ value(k, v), weights, scores)

    return attention


def _sdpa(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> Any:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    T, S = q.shape[-2], k.shape[-2]
    mask = _visible(T, S) if causal else None
    eye = torch.eye(S).expand(*k.shape[:-1], S)
    return (
        scaled_dot_product_attention(q, k, v, attn_mask=mask),
        scaled_dot_product_attention(q, k, eye, attn_mask=mask),
    )


def _additive(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> Any:
    import torch

    scores = torch.einsum("...td,...sd->...ts", q, k) / q.shape[-1] ** 0.5
    if causal:
        T, S = scores.shape[-2:]
        late = torch.arange(S) > torch.arange(S - T, S)[:, None]
        scores = scores + torch.zeros(T, S).masked_fill(late, -1e9)
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    weights = weights / weights.sum(-1, keepdim=True)
    return weights @ v, weights


def _normalized_by_hand(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> Any:
    weights = ((q / math.sqrt(q.shape[-1])) @ k.mT).double()
    if causal:
        weights = weights.where(_visible(*weights.shape[-2:]), -math.inf)
    weights = (weights - weights.amax(-1, keepdim=True)).exp()
    weights = (weights / weights.sum(-1, keepdim=True)).to(v.dtype)
    return weights @ v, weights


def _masked_late(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> Any:
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1)
    weights = weights * _visible(*weights.shape[-2:]) if causal else weights
    return weights @ v, weights


def _scaled_late(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> Any:
    _, weights = _attend(lambda q, k: q @ k.mT)(q, k, v, causal)
    weights = weights / math.sqrt(q.shape[-1])
    return weights @ v, weights


def _by_value_size(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> Any:
    return _attend(lambda q, k: q @ k.mT / math.sqrt(v.shape[-1]))(q, k, v, causal)


def _in_place(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> Any:
    q.data /= math.sqrt(q.shape[-1])
    return _attend(lambda q, k: q @ k.mT)(q, k, v, causal)


ATTENTION = Exercise(
    "8.2",
    "attention",
    _attention_cases,
    _attention_oracle,
    {
        "no-scale": Mutant(
            "the scores are not scaled: their standard deviation grows with d",
            _attend(lambda q, k: q @ k.mT),
        ),
        "divided-by-d": Mutant(
            "the scores are divided by d: that is their variance, not their standard deviation",
            _attend(lambda q, k: q @ k.mT / q.shape[-1]),
        ),
        "multiplied-by-root-d": Mutant(
            "the scores are multiplied by √d: this makes them spread more, not less",
            _attend(lambda q, k: q @ k.mT * math.sqrt(q.shape[-1])),
        ),
        "root-of-positions": Mutant(
            "the scores are scaled by a number of positions: what is summed has d terms, one per"
            " entry of a query",
            _attend(lambda q, k: q @ k.mT / math.sqrt(k.shape[-2])),
        ),
        "own-standard-deviation": Mutant(
            "the scores are divided by the standard deviation that they happen to have: divide by"
            " the one that follows from d, so that each score depends on its query and key alone",
            _attend(lambda q, k: (q @ k.mT) / (q @ k.mT).std()),
        ),
        "root-of-value-size": Mutant(
            "the scores are scaled by the size of the values: what is summed has d terms, one per"
            " entry of a query",
            _by_value_size,
        ),
        "root-of-heads": Mutant(
            "the scores are scaled by the size of the first axis: d is the size of the last",
            _attend(lambda q, k: q @ k.mT / math.sqrt(q.shape[0])),
        ),
        "no-mask": Mutant(
            "the mask is missing: with `causal` no position may look ahead",
            _attend(when=lambda causal: False),
        ),
        "always-masked": Mutant(
            "it is also masked where `causal` is False: then every query sees every key",
            _attend(when=lambda causal: True),
        ),
        "causal-inverted": Mutant(
            "it is masked where `causal` is False, and not where it is True",
            _attend(when=lambda causal: not causal),
        ),
        "mask-transposed": Mutant(
            "each position looks at what comes and not at what was: rows are queries, columns keys",
            _attend(visible=lambda T, S: _ones(T, S).triu(S - T)),
        ),
        "mask-inverted": Mutant(
            "what may be seen was masked and the rest left open: look at which positions get −∞",
            _attend(visible=lambda T, S: ~_visible(T, S)),
        ),
        "diagonal-hidden": Mutant(
            "a position does not see itself, and the first one sees nothing at all: hence nan",
            _attend(visible=lambda T, S: _ones(T, S).tril(S - T - 1)),
        ),
        "one-future-token-visible": Mutant(
            "each position also sees the one right after it, and that one is the answer",
            _attend(visible=lambda T, S: _ones(T, S).tril(S - T + 1)),
        ),
        "queries-counted-from-the-first": Mutant(
            "with fewer queries than keys the queries were taken for the first positions: they are"
            " the last T of S",
            _attend(visible=lambda T, S: _ones(T, S).tril()),
        ),
        "masked-only-where-square": Mutant(
            "with fewer queries than keys nothing is masked: the queries are the last T of S"
            " positions, and still do not look ahead",
            _attend(visible=lambda T, S: _visible(T, S) if T == S else _ones(T, S)),
        ),
        "zero-for-minus-inf": Mutant(
            "masked scores are 0: that is a score like any other, with e⁰ = 1 in the softmax",
            _attend(fill=0.0),
        ),
        "small-negative-fill": Mutant(
            "masked scores are −10: what may not be seen still gets some weight",
            _attend(fill=-10.0),
        ),
        "mask-after-softmax": Mutant(
            "the weights were masked after the softmax: they no longer add up to one",
            _masked_late,
        ),
        "softmax-over-queries": Mutant(
            "the softmax went over the queries, dim=-2: the weights of one query add up to one",
            _attend(normalize=lambda scores: scores.softmax(-2)),
        ),
        "softmax-over-second-axis": Mutant(
            "the softmax went over dim=1, whatever that axis is: the keys are the last axis",
            _attend(normalize=lambda scores: scores.softmax(1)),
        ),
        "scale-after-softmax": Mutant(
            "the weights were divided after the softmax: it is the scores that spread with d",
            _scaled_late,
        ),
        "no-softmax": Mutant(
            "there is no softmax: the scores themselves were used as weights",
            _attend(fill=0.0, normalize=lambda scores: scores),
        ),
        "divided-by-sum": Mutant(
            "the scores were divided by their sum: weights are positive, so a softmax",
            _attend(fill=0.0, normalize=lambda scores: scores / scores.sum(-1, keepdim=True)),
        ),
        "softmax-over-everything": Mutant(
            "one softmax went over queries and keys together: each query has weights of its own",
            _attend(
                normalize=lambda scores: (
                    scores.flatten(-2).softmax(-1).unflatten(-1, scores.shape[-2:])
                )
            ),
        ),
        "keys-for-values": Mutant(
            "the keys were averaged: the weights belong to the values",
            _attend(value=lambda k, v: k),
        ),
        "average-of-the-past": Mutant(
            "all weights are equal: the scores of queries and keys are not used",
            _attend(lambda q, k: 0 * (q @ k.mT)),
        ),
        "pair-swapped": Mutant(
            "weights and output came back in the wrong order: first the output",
            _attend(out=lambda output, weights, scores: (weights, output)),
        ),
        "scores-for-weights": Mutant(
            "the scores came back in place of the weights: the softmax makes weights of them",
            _attend(out=lambda output, weights, scores: (output, scores)),
        ),
        "masked-scores-for-weights": Mutant(
            "the masked scores came back in place of the weights: the softmax makes weights of"
            " them",
            _attend(
                out=lambda output, weights, scores: (
                    output,
                    scores.masked_fill(weights == 0, -math.inf),
                )
            ),
        ),
        "queries-changed-in-place": Mutant(
            "q was changed in place, so that the next call gets other queries: write `q / ...`"
            " instead of `q /= ...`",
            _in_place,
        ),
        "gradient-cut": Mutant(
            does_not_hold(FLOWS),
            _attend(out=lambda output, weights, scores: (output.detach(), weights.detach())),
        ),
    },
    {
        "PyTorch's own": _sdpa,
        "a mask that is added": _additive,
        "masked and normalized by hand": _normalized_by_hand,
    },
)

# ---- 8.3 block_forward ---------------------------------------------------------------------------

KEEPS_X = "`x` is the same after the call as before: `x += ...` changes it, `x = x + ...` does not"
LEARNS = (
    "the gradient reaches x and every weight of the block: what prevents it is `no_grad`,"
    " `.detach()`, or a `+=` on what a norm has read"
)


block_case = partial(Case, rtol=1e-3, atol=1e-3)  # two norms in float32


def _forwarded(ask: Ask, *args: Any) -> Any:
    return ask.probe("lesson08.forwarded", *args)


def _forward_facts(ask: Ask, *args: Any) -> dict[str, bool]:
    kept, learns = ask.probe("lesson08.forward_facts", *args)
    return {KEEPS_X: bool(kept), LEARNS: bool(learns)}


def _block_cases(rng: np.random.Generator) -> list[Case]:
    def args(B: int, T: int, D: int, causal: bool) -> tuple[Any, ...]:
        scales, shifts = 1 + rng.uniform(-0.5, 1, size=(2, D)), rng.normal(size=(2, D))
        weights = [rng.normal(size=size) for size in ((D, D), (D, 3 * D), (3 * D, D))]
        x = rng.normal(size=(B, T, D)) * 2 + rng.normal(size=D)
        return tuple(map(TensorArg, (x, scales, shifts, *weights))), causal

    toy = (np.array([[[3.0, 1.0]]]), np.ones((2, 2)), np.zeros((2, 2)))
    eye = np.eye(2)
    given = [
        ("two documents, four positions, six numbers each, causal", args(2, 4, 6, True)),
        ("the same, not causal", args(3, 5, 4, False)),
        ("one document of seven positions, causal", args(1, 7, 4, True)),
    ]
    facts, causal = args(2, 3, 4, True)
    return [
        block_case(
            "one position, x = (3, 1): a part that hands on what it reads makes it (4, 0), and"
            " one that doubles what is positive makes that (6, 0)",
            (*map(TensorArg, (*toy, eye, eye, 2 * eye)), True),
            _forwarded,
        ),
        *(block_case(says, (*tensors, flag), _forwarded) for says, (tensors, flag) in given),
        Case(
            "x afterwards, and gradients",
            (*facts, causal),
            _forward_facts,
            want={KEEPS_X: True, LEARNS: True},
        ),
    ]


def _block_oracle(block: Any, x: Tensor, causal: bool = True) -> Tensor:
    """In NumPy, from the weights of the probe's block, none of whose parts is called."""
    import torch

    def of(weight: Tensor) -> np.ndarray:
        return weight.detach().double().numpy()

    def normal(x: np.ndarray, norm: Any) -> np.ndarray:
        centered = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centered**2).mean(-1, keepdims=True) + norm.eps)
        return centered / scale * of(norm.weight) + of(norm.bias)

    path = of(x)
    read = normal(path, block.norm1)
    T = x.shape[1]
    seen = [read[:, : t + 1 if causal else T].mean(1) for t in range(T)]
    path = path + np.stack(seen, 1) @ of(block.attend.weight)
    inner = np.maximum(normal(path, block.norm2) @ of(block.mlp[0].weight).T, 0)
    return torch.tensor(path + inner @ of(block.mlp[2].weight).T, dtype=x.dtype)


def _gathered(block: Any, x: Tensor, causal: bool) -> Tensor:
    return x + block.attend(block.norm1(x), causal)


def _computed(block: Any, x: Tensor) -> Tensor:
    return x + block.mlp(block.norm2(x))


def _block(gather: Answer = _gathered, compute: Answer = _computed) -> Answer:
    """An answer to 8.3 from its two sums, one of which may be changed."""

    def block_forward(block: Any, x: Tensor, causal: bool = True) -> Tensor:
        return compute(block, gather(block, x, causal))

    return block_forward


def _parallel(b: Any, x: Tensor, causal: bool = True) -> Tensor:
    return x + b.attend(b.norm1(x), causal) + b.mlp(b.norm2(x))


def _sum_restarted(b: Any, x: Tensor, causal: bool = True) -> Tensor:
    return x + b.mlp(b.norm2(_gathered(b, x, causal)))


def _sum_not_read(b: Any, x: Tensor, causal: bool = True) -> Tensor:
    gathered = b.attend(b.norm1(x), causal)
    return x + gathered + b.mlp(b.norm2(gathered))


def _in_place_sums(b: Any, x: Tensor, causal: bool = True) -> Tensor:
    x += b.attend(b.norm1(x), causal)
    x += b.mlp(b.norm2(x))
    return x


def _half_in_place(b: Any, x: Tensor, causal: bool = True) -> Tensor:
    x = _gathered(b, x, causal)
    x += b.mlp(b.norm2(x))
    return x


def _pairs_in_a_loop(b: Any, x: Tensor, causal: bool = True) -> Tensor:
    for norm, part in ((b.norm1, lambda z: b.attend(z, causal=causal)), (b.norm2, b.mlp)):
        x = x + part(norm(x))
    return x


def _named_sums(b: Any, x: Tensor, causal: bool = True) -> Tensor:
    attended = b.attend(b.norm1(x), causal).add(x)
    return attended.add(b.mlp(b.norm2(attended)))


def _by_a_step(b: Any, x: Tensor, causal: bool = True) -> Tensor:
    import torch

    def step(x: Tensor, norm: Any, part: Any, *options: Any) -> Tensor:
        added = part(norm(x.clone()), *options)
        return torch.stack([x, added]).sum(0)

    return step(step(x, b.norm1, b.attend, causal), b.norm2, b.mlp)


NORM_FIRST = (
    "a norm is on the residual path: normalize what a part reads, and leave the sum as it is"
    " (with the norm after the sum the block is post-norm, as in 2017)"
)
NOT_FROM_X = (
    "the sum starts from the normalized vector: add to the vector as it was before the norm, so"
    " that the residual path holds nothing but sums"
)
ORDER = (
    "the MLP came before the attention: attention gathers first, then the MLP computes with what"
    " was gathered"
)

BLOCK = Exercise(
    "8.3",
    "block_forward",
    _block_cases,
    _block_oracle,
    {
        "post-norm": Mutant(
            NORM_FIRST,
            _block(
                lambda b, x, causal: b.norm1(x + b.attend(x, causal)),
                lambda b, x: b.norm2(x + b.mlp(x)),
            ),
        ),
        "normalized-after-each-sum": Mutant(
            NORM_FIRST,
            _block(
                lambda b, x, causal: b.norm1(_gathered(b, x, causal)),
                lambda b, x: b.norm2(_computed(b, x)),
            ),
        ),
        "outputs-normalized": Mutant(
            "the norms are on what the parts return: they belong on what the parts read",
            _block(
                lambda b, x, causal: x + b.norm1(b.attend(x, causal)),
                lambda b, x: x + b.norm2(b.mlp(x)),
            ),
        ),
        "sums-from-normalized": Mutant(
            NOT_FROM_X,
            _block(
                lambda b, x, causal: b.norm1(x) + b.attend(b.norm1(x), causal),
                lambda b, x: b.norm2(x) + b.mlp(b.norm2(x)),
            ),
        ),
        "first-sum-from-normalized": Mutant(
            f"at the attention, {NOT_FROM_X}",
            _block(lambda b, x, causal: b.norm1(x) + b.attend(b.norm1(x), causal)),
        ),
        "second-sum-from-normalized": Mutant(
            f"at the MLP, {NOT_FROM_X}",
            _block(compute=lambda b, x: b.norm2(x) + b.mlp(b.norm2(x))),
        ),
        "no-residuals": Mutant(
            "nothing is added to: both parts *add* to what they were given",
            _block(
                lambda b, x, causal: b.attend(b.norm1(x), causal), lambda b, x: b.mlp(b.norm2(x))
            ),
        ),
        "no-residual-at-attention": Mutant(
            "there is no residual connection around the attention: what it returns replaced x,"
            " where it is added to x",
            _block(lambda b, x, causal: b.attend(b.norm1(x), causal)),
        ),
        "no-residual-at-mlp": Mutant(
            "there is no residual connection around the MLP: what it returns is added to what the"
            " attention left",
            _block(compute=lambda b, x: b.mlp(b.norm2(x))),
        ),
        "second-sum-from-the-input": Mutant(
            "the second sum starts again from the block's input, so what the attention added is"
            " lost",
            _sum_restarted,
        ),
        "sum-not-read": Mutant(
            "the MLP read what the attention returned: it reads the sum",
            _sum_not_read,
        ),
        "parallel": Mutant(
            "the MLP read the block's input: it computes with what the attention has added to",
            _parallel,
        ),
        "mlp-first": Mutant(ORDER, lambda b, x, causal=True: _gathered(b, _computed(b, x), causal)),
        "mlp-first-norms-in-order": Mutant(
            ORDER,
            _block(
                lambda b, x, causal: x + b.mlp(b.norm1(x)),
                lambda b, x: x + b.attend(b.norm2(x)),
            ),
        ),
        "norm1-twice": Mutant(
            "`norm1` is used twice: the MLP has a norm of its own",
            _block(compute=lambda b, x: x + b.mlp(b.norm1(x))),
        ),
        "norm2-twice": Mutant(
            "`norm2` is used twice: the attention has a norm of its own",
            _block(lambda b, x, causal: x + b.attend(b.norm2(x), causal)),
        ),
        "norms-swapped": Mutant(
            "the norms are exchanged: `norm1` is the attention's, `norm2` the MLP's",
            _block(
                lambda b, x, causal: x + b.attend(b.norm2(x), causal),
                lambda b, x: x + b.mlp(b.norm1(x)),
            ),
        ),
        "no-norms": Mutant(
            "no norm is used: each part reads a normalized vector",
            _block(lambda b, x, causal: x + b.attend(x, causal), lambda b, x: x + b.mlp(x)),
        ),
        "no-norm1": Mutant(
            "the attention read x as it is: `norm1` comes before it",
            _block(lambda b, x, causal: x + b.attend(x, causal)),
        ),
        "no-norm2": Mutant(
            "the MLP read the sum as it is: `norm2` comes before it",
            _block(compute=lambda b, x: x + b.mlp(x)),
        ),
        "no-attention": Mutant("the attention is missing", _block(lambda b, x, causal: x)),
        "no-mlp": Mutant("the MLP is missing", _block(compute=lambda b, x: x)),
        "causal-not-passed-on": Mutant(
            "`causal` is not passed on to the attention, which hides what comes unless it is told"
            " not to",
            _block(lambda b, x, causal: _gathered(b, x, True)),
        ),
        "never-causal": Mutant(
            "the attention never hides what comes: pass `causal` on to it",
            _block(lambda b, x, causal: _gathered(b, x, False)),
        ),
        "causal-inverted": Mutant(
            "the attention hides what comes where `causal` is False, and not where it is True",
            _block(lambda b, x, causal: _gathered(b, x, not causal)),
        ),
        "post-norm-and-causal-not-passed-on": Mutant(
            f"two things: `causal` is not passed on, and {NORM_FIRST}",
            _block(
                lambda b, x, causal: b.norm1(x + b.attend(x)), lambda b, x: b.norm2(x + b.mlp(x))
            ),
        ),
        "in-place": Mutant(does_not_hold(KEEPS_X), _in_place_sums),
        "second-sum-in-place": Mutant(does_not_hold(LEARNS), _half_in_place),
        "gradient-cut": Mutant(
            does_not_hold(LEARNS), lambda b, x, causal=True: _block()(b, x, causal).detach()
        ),
    },
    {
        "a loop over the pairs": _pairs_in_a_loop,
        "two named sums": _named_sums,
        "a step for each part": _by_a_step,
    },
)

# ---- 8.4 generate --------------------------------------------------------------------------------

NOT_RECORDED = (
    "the model is asked inside `torch.no_grad()`: nothing is learned here, so nothing is recorded"
)
KEEPS_START = "`start` is the same after the call as before"
DRAWN = "the tokens that are appended are those that `draw` returned"


def _generated(ask: Ask, *args: Any) -> Any:
    return ask.probe("lesson08.generated", *args)


def _generate_facts(ask: Ask, *args: Any) -> dict[str, bool]:
    drawn, calm, kept = ask.probe("lesson08.generate_facts", *args)
    return {DRAWN: bool(drawn), NOT_RECORDED: bool(calm), KEEPS_START: bool(kept)}


def _generate_cases(rng: np.random.Generator) -> list[Case]:
    V = 9
    seed = Seed(int(rng.integers(2**31)))

    def args(B: int, t: int, steps: int) -> tuple[Any, ...]:
        start = rng.integers(V, size=(B, t))
        return TensorArg(start), steps, TensorArg(rng.normal(size=(V, V)) * 1.5), seed

    def counting(start: list[list[int]], steps: int) -> tuple[Any, ...]:
        """For a model that is sure of the next number."""
        return TensorArg(np.array(start)), steps, TensorArg(200 * np.roll(np.eye(V), 1, 1)), seed

    return [
        Case(
            "a model that always counts on: (0, 1) and three steps make (0, 1, 2, 3, 4)",
            counting([[0, 1]], 3),
            _generated,
            want=np.array([[0, 1, 2, 3, 4]]),
        ),
        Case("five documents of three tokens, six steps", args(5, 3, 6), _generated),
        Case("six documents of one token, eight steps", args(6, 1, 8), _generated),
        Case("one document of four tokens, one step", args(1, 4, 1), _generated),
        Case(
            "what is drawn, what is recorded, and `start` afterwards",
            args(3, 2, 5),
            _generate_facts,
            want={DRAWN: True, NOT_RECORDED: True, KEEPS_START: True},
        ),
    ]


def _generate_oracle(model: Any, start: Tensor, steps: int, draw: Answer) -> Tensor:
    """Document by document, in lists."""
    import torch

    rows = start.tolist()
    for _ in range(steps):
        with torch.inference_mode():
            last = [model(torch.tensor([row]))[0, len(row) - 1] for row in rows]
        for row, token in zip(rows, draw(torch.stack(last)).tolist(), strict=True):
            row.append(token)
    return torch.tensor(rows)


def _append(y: Tensor, token: Tensor) -> Tensor:
    import torch

    return torch.cat([y, token[:, None]], dim=1)


def _generate(
    logits: Answer = lambda model, y, start: model(y)[:, -1],
    pick: Answer = lambda draw, logits: draw(logits),
    join: Answer = _append,
    count: Answer = lambda steps, start: steps,
    out: Answer = lambda y, start: y,
    quiet: bool = True,
) -> Answer:
    """An answer to 8.4, one part of which may be changed."""

    def generate(model: Any, start: Tensor, steps: int, draw: Answer) -> Tensor:
        import torch

        y = start
        with torch.set_grad_enabled(not quiet):
            for _ in range(count(steps, start)):
                y = join(y, pick(draw, logits(model, y, start)))
        return out(y, start)

    return generate


def _put_in_front(y: Tensor, token: Tensor) -> Tensor:
    import torch

    return torch.cat([token[:, None], y], dim=1)


def _written_over(y: Tensor, token: Tensor) -> Tensor:
    y = y.clone()
    y[:, -1] = token
    return y


def _start_grows(model: Any, start: Tensor, steps: int, draw: Answer) -> Tensor:
    rows = _generate()(model, start, steps, draw)
    start.resize_(rows.shape).copy_(rows)
    return start


def _stopping(model: Any, start: Tensor, steps: int, draw: Answer) -> Tensor:
    """Ends when every document has come to token 2, the end of a document."""
    import torch

    y = start
    with torch.no_grad():
        for _ in range(steps):
            y = _append(y, draw(model(y)[:, -1]))
            if (y[:, start.shape[1] :] == 2).any(dim=1).all():
                break
    return y


def _padded_after_the_end(y: Tensor, token: Tensor) -> Tensor:
    return _append(y, token.masked_fill((y == 2).any(dim=1), 0))


def _in_a_full_row(model: Any, start: Tensor, steps: int, draw: Answer) -> Tensor:
    import torch

    t = start.shape[1]
    y = torch.nn.functional.pad(start, (0, steps))
    with torch.no_grad():
        for end in range(t, t + steps):
            y[:, end] = draw(model(y[:, :end])[:, end - 1])
    return y


def _in_a_list(model: Any, start: Tensor, steps: int, draw: Answer) -> Tensor:
    import torch

    tokens = list(start.unbind(1))
    while len(tokens) < start.shape[1] + steps:
        with torch.no_grad():
            logits = model(torch.stack(tokens, dim=1))
        tokens.append(draw(logits[:, -1, :].log_softmax(-1)))
    return torch.stack(tokens, dim=1)


def _two_at_a_time(model: Any, start: Tensor, steps: int, draw: Answer) -> Tensor:
    import torch

    if steps == 0:
        return start
    with torch.inference_mode():
        logits = torch.cat([model(part)[:, -1] for part in start.split(2)])
    return _two_at_a_time(model, _append(start, draw(logits)), steps - 1, draw)


AFTER_START = (
    "in every step the logits are those right after `start`: the model reads what has been written"
    " so far, and its last row counts"
)
NO_MEMORY = (
    "the model reads the last token alone: it remembers nothing between two calls, so it needs the"
    " whole row"
)

GENERATE = Exercise(
    "8.4",
    "generate",
    _generate_cases,
    _generate_oracle,
    {
        "first-row": Mutant(
            "the logits are those after the first token: the next token is predicted by the row of"
            " the last",
            _generate(lambda model, y, start: model(y)[:, 0]),
        ),
        "all-rows": Mutant(ONE_ROW_EACH, _generate(lambda model, y, start: model(y))),
        "last-row-with-an-axis": Mutant(
            ONE_ROW_EACH, _generate(lambda model, y, start: model(y)[:, -1:])
        ),
        "last-document": Mutant(ONE_ROW_EACH, _generate(lambda model, y, start: model(y)[-1])),
        "row-before-the-last": Mutant(
            "the logits are those before the last token was read: one row too early",
            _generate(lambda model, y, start: model(y)[:, max(y.shape[1] - 2, 0)]),
        ),
        "row-of-start": Mutant(
            AFTER_START,
            _generate(lambda model, y, start: model(y)[:, start.shape[1] - 1]),
        ),
        "start-alone": Mutant(AFTER_START, _generate(lambda model, y, start: model(start)[:, -1])),
        "last-token-alone": Mutant(
            NO_MEMORY, _generate(lambda model, y, start: model(y[:, -1:])[:, -1])
        ),
        "last-token-alone-after-start": Mutant(
            NO_MEMORY,
            _generate(
                lambda model, y, start: model(y if y.shape == start.shape else y[:, -1:])[:, -1]
            ),
        ),
        "new-tokens-alone": Mutant(
            "the model does not read `start` any more once a token is written: it needs the whole"
            " row",
            _generate(
                lambda model, y, start: model(
                    y if y.shape == start.shape else y[:, start.shape[1] :]
                )[:, -1]
            ),
        ),
        "nothing-appended": Mutant(
            "nothing was appended: `start` came back",
            _generate(join=lambda y, token: y),
        ),
        "written-over": Mutant(
            "each token was written over the last one: append it", _generate(join=_written_over)
        ),
        "put-in-front": Mutant(
            "the tokens were put in front: they belong at the end of each row",
            _generate(join=_put_in_front),
        ),
        "new-tokens-only": Mutant(
            "only the new tokens came back: rows begin with `start`",
            _generate(out=lambda y, start: y[:, start.shape[1] :]),
        ),
        "last-token-only": Mutant(
            "only the last token came back: whole rows are asked for",
            _generate(out=lambda y, start: y[:, -1:]),
        ),
        "one-step-too-many": Mutant(
            "one token too many was written", _generate(count=lambda steps, start: steps + 1)
        ),
        "one-step-too-few": Mutant(
            "one token too few was written", _generate(count=lambda steps, start: steps - 1)
        ),
        "steps-for-length": Mutant(
            "`steps` was taken for the length of the whole row: so many tokens are *added*",
            _generate(count=lambda steps, start: max(steps - start.shape[1], 0)),
        ),
        "stops-at-the-end": Mutant(
            "it stops where token 2 comes: every row gets `steps` tokens, whatever they are",
            _stopping,
        ),
        "padded-after-the-end": Mutant(
            "after token 2 the drawn tokens were replaced by 0: append what `draw` returns",
            _generate(join=_padded_after_the_end),
        ),
        "argmax": Mutant(
            "the likeliest token was taken: `draw` decides which token comes",
            _generate(pick=lambda draw, logits: logits.argmax(-1)),
        ),
        "probabilities-drawn": Mutant(
            "`draw` was given probabilities: it takes logits, and the softmax is its own",
            _generate(pick=lambda draw, logits: draw(logits.softmax(-1))),
        ),
        "first-documents-logits": Mutant(
            "all documents were continued by the logits of the first",
            _generate(pick=lambda draw, logits: draw(logits[:1].expand_as(logits))),
        ),
        "first-documents-token": Mutant(
            "all documents got the token of the first",
            _generate(pick=lambda draw, logits: draw(logits)[:1].expand(len(logits))),
        ),
        "drawn-twice": Mutant(
            "`draw` was asked twice in each step: once is enough, and the random numbers of the"
            " second call are lost to the next step",
            _generate(pick=lambda draw, logits: (draw(logits), draw(logits))[0]),
        ),
        "recorded": Mutant(does_not_hold(NOT_RECORDED), _generate(quiet=False)),
        "start-changed": Mutant(does_not_hold(KEEPS_START), _start_grows),
    },
    {
        "a row of full length": _in_a_full_row,
        "a list of columns, and log-probabilities": _in_a_list,
        "recursion, two documents at a time": _two_at_a_time,
        "document by document": _generate_oracle,
    },
)

# ---- 8.5 sample_top_p ----------------------------------------------------------------------------

MANY = 2400  # equal rows, so that shares can be counted
SAME_STATE = (
    "the same state of `rng` gives the same tokens: all randomness comes from it, none from the"
    " global generator of torch or NumPy"
)
MOVES_ON = (
    "two draws in a row differ: if not, either `rng` is replaced by one with a fixed seed, or the"
    " tokens do not depend on what was drawn"
)
ROWS_APART = "equal rows get different tokens: every row has a random number of its own"


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


def _nucleus_oracle(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    import torch

    rows = logits.double().numpy()
    return torch.tensor([rng.choice(rows.shape[1], p=_probabilities(row, T, p)) for row in rows])


def _one_per_row(words: Any, rows: int) -> np.ndarray:
    """Whole numbers (rows,). Raises NotData for anything else."""
    if isinstance(words, (tuple, list)):
        raise NotData(f"{len(words)} things came back: only the tokens are asked for")
    words = numbers_in(words)
    if words.shape != (rows,) or words.dtype.kind not in "iu":
        form = f"an array of shape {words.shape}" if words.ndim else "a single value"
        raise NotData(
            f"one whole number per row is asked for, here {rows}; what came back is {form} of type"
            f" {words.dtype}"
        )
    return words


def _drawn(ask: Ask, logits: TensorArg, T: float, p: float, seed: Seed) -> np.ndarray:
    """The tokens (B,), which `write` joins to others: a tensor."""
    return _one_per_row(ask.probe("tensors", logits, T, p, seed), len(logits.values))


def _shares(ask: Ask, logits: TensorArg, T: float, p: float, seed: Seed) -> dict[str, Any]:
    """How often each token was drawn, and which were drawn at all."""
    words = _drawn(ask, logits, T, p, seed)
    if words.min() < 0 or words.max() >= logits.values.shape[1]:
        return {"the lowest and the highest token": [int(words.min()), int(words.max())]}
    counts = np.bincount(words, minlength=logits.values.shape[1])
    return {
        "the share of each token": counts / len(words),
        "the tokens that were drawn at all": counts > 0,
    }


def _by_kind(ask: Ask, logits: TensorArg, T: float, p: float, seed: Seed) -> dict[str, Any]:
    """The tokens drawn at all in even rows, and in odd ones."""
    words = _drawn(ask, logits, T, p, seed)
    return {
        kind: np.unique(words[start::2])
        for kind, start in (("the tokens of even rows", 0), ("the tokens of odd rows", 1))
    }


def _habits(ask: Ask, logits: TensorArg, T: float, p: float, seed: Seed) -> dict[str, Any]:
    first, second = (_drawn(ask, logits, T, p, seed) for _ in range(2))
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
    """Many equal rows whose shares at temperature 1 are those given, largest first, in a random
    order in which the largest is not the first, and with a random offset.
    """
    order = rng.permutation(len(shares))
    order = np.roll(order, 1) if order[0] == 0 else order
    row = np.log(np.array(shares)[order]) + rng.uniform(*offset)
    want = _probabilities(row.astype(np.float32).astype(float), T, p)
    return Case(
        says,
        (TensorArg(np.tile(row, (MANY, 1))), T, p, Seed(int(rng.integers(2**31)))),
        _shares,
        atol=0.2,  # eighteen standard deviations of a share
        want={"the share of each token": want, "the tokens that were drawn at all": want > 0},
    )


def _top_p_cases(rng: np.random.Generator) -> list[Case]:
    far, steep, four = (1 - 6e-6, 6e-6), (0.96, 0.03, 0.01), (0.5, 0.3, 0.15, 0.05)
    eight = (0.2, 0.18, 0.14, 0.12, 0.11, 0.1, 0.08, 0.07)
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
            "seven different rows and a tiny p: the most likely token of each",
            (TensorArg(rows), 1.0, 1e-6, seed),
            _drawn,
            want=rows.argmax(1),
        ),
        Case(
            "seven different rows and a temperature near 0: the most likely token of each",
            (TensorArg(rows), 0.003, 1.0, seed),
            _drawn,
            want=rows.argmax(1),
        ),
        _share_case(
            "T = 1, p = 1: as likely as the softmax says, (96, 3, 1) %", steep, 1.0, 1.0, rng
        ),
        _share_case(
            "T = 1, p = 0.52: of (50, 30, 15, 5) % two tokens are kept",
            four,
            1.0,
            0.52,
            rng,
            (-0.8, -0.4),
        ),
        _share_case("T = 10, p = 1: two logits that differ by 12", far, 10.0, 1.0, rng),
        _share_case(
            "T = 0.4, p = 0.9: sharper first, then two tokens are kept", four, 0.4, 0.9, rng
        ),
        _share_case(
            "T = 2, p = 0.7: flatter first, then three tokens are kept", four, 2.0, 0.7, rng
        ),
        _share_case(
            "eight tokens, T = 1, p = 0.35: two are kept", eight, 1.0, 0.35, rng, (1.3, 1.6)
        ),
        Case(
            "p = 0.8, rows in turn (40, 30, 20, 10) % and (5, 5, 5, 85) %: three tokens are kept,"
            " then one",
            (TensorArg(mixed), 1.0, 0.8, seed),
            _by_kind,
            want={
                "the tokens of even rows": np.array([0, 1, 2]),
                "the tokens of odd rows": np.array([3]),
            },
        ),
    ]


def _draw(probs: Tensor, rng: np.random.Generator, darts: Tensor | None = None) -> Tensor:
    """One word a row from probabilities (B, V): the running sum that the dart falls short of."""
    import torch

    darts = torch.tensor(rng.random((len(probs), 1))) if darts is None else darts
    return (probs.cumsum(-1) < darts).sum(-1).clamp(max=probs.shape[-1] - 1)


def _ahead(probs: Tensor, p: float) -> Tensor:
    """Which tokens, sorted, are kept: those ahead of them have less than p."""
    return probs.cumsum(-1) - probs < p


def _nucleus(
    scaled: Answer = lambda logits, T: logits / T,
    keep: Answer = _ahead,
    warm: Answer = lambda probs, T: probs,
    share: Answer = lambda kept: kept / kept.sum(-1, keepdim=True),
    named: bool = True,
    highest: bool = True,
    then: Answer = lambda kept, T: kept,
    dart: Any = None,
    out: Answer = lambda words: words,
) -> Answer:
    """An answer to 8.5, one part of which may be changed."""

    def sample_top_p(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
        import torch

        probs, order = torch.softmax(scaled(logits.double(), T), -1).sort(
            dim=-1, descending=highest
        )
        probs = warm(probs, T)
        kept = share(then(probs * keep(probs, p), T))
        rank = _draw(kept, rng, dart(rng, len(logits)) if dart else None)
        return out(order.gather(1, rank[:, None]).squeeze(1) if named else rank)

    return sample_top_p


def _unsorted(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    import torch

    probs = torch.softmax(logits.double() / T, -1)
    kept = probs * (probs.cumsum(-1) - probs < p)
    return _draw(kept / kept.sum(-1, keepdim=True), rng)


def _unsorted_then_order(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    word = _unsorted(logits, T, p, rng)
    order = (logits.double() / T).softmax(-1).argsort(dim=-1, descending=True)
    return order.gather(1, word[:, None])[:, 0]


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


def _top_k(
    logits: Tensor, T: float, p: float, rng: np.random.Generator, whole: Any = round
) -> Tensor:
    k = max(1, whole(p * logits.shape[1]))
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


def _named_twice(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    """Draws among the unsorted probabilities, masked as if they were sorted, and then names the
    token through the order of the sorting.
    """
    word = _laid_over(logits, T, p, rng)
    return logits.argsort(dim=-1, descending=True).gather(1, word[:, None])[:, 0]


def _sorted_over_rows(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    probs, order = (logits.double() / T).softmax(-1).sort(dim=0, descending=True)
    kept = probs * _ahead(probs, p)
    rank = _draw(kept / kept.sum(-1, keepdim=True), rng)
    return order.gather(1, rank[:, None])[:, 0]


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


def _row_by_row(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    import torch

    words = []
    for row in logits.double().numpy():
        weights = np.exp((row - row.max()) / T)
        weights /= weights.sum()
        order = np.argsort(-weights)
        size = min(np.searchsorted(np.cumsum(weights[order]), p) + 1, len(order))
        kept = weights[order[:size]]
        words.append(int(order[np.searchsorted(np.cumsum(kept) / kept.sum(), rng.random())]))
    return torch.tensor(words)


def _by_gumbel(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    import torch

    scaled = logits.double().numpy() / T
    probs = np.exp(scaled - scaled.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    ahead = np.where(probs[:, None, :] > probs[:, :, None], probs[:, None, :], 0).sum(2)
    noisy = np.where(ahead < p, scaled + rng.gumbel(size=scaled.shape), -np.inf)
    return torch.tensor(noisy.argmax(1))


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
    "8.5",
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
            "the temperature was applied after the cut: it comes first, and the cut is made among"
            " the probabilities it gives",
            _nucleus(scaled=lambda logits, T: logits, then=lambda kept, T: kept ** (1 / T)),
        ),
        "crossing-token-dropped": Mutant(
            "the token that crosses p is dropped: the tokens kept must together reach p",
            _nucleus(keep=_at_least_one(lambda probs, p: probs.cumsum(-1) <= p)),
        ),
        "one-token-too-many": Mutant(
            "one token too many is kept: the first token with which the sum reaches p is the last",
            _nucleus(
                keep=lambda probs, p: (
                    probs.cumsum(-1) - probs - probs.roll(1, -1) * (probs.cumsum(-1) > probs) < p
                )
            ),
        ),
        "unnormalised-to-first-dropped": Mutant(
            "what was kept is not renormalized: the probability that is missing went to the first"
            " token that was dropped",
            lambda logits, T, p, rng: _short_strip(logits, T, p, rng),
        ),
        "unnormalised-to-last-token": Mutant(
            "what was kept is not renormalized: the probability that is missing went to the least"
            " likely token",
            _nucleus(share=lambda kept: kept),
        ),
        "unnormalised-to-argmax": Mutant(
            "what was kept is not renormalized: the probability that is missing went to the most"
            " likely token",
            lambda logits, T, p, rng: _spilled(logits, T, p, rng),
        ),
        "probability-threshold": Mutant(
            "p was taken as the least probability of a token: it is what the tokens kept have"
            " *together*",
            _nucleus(keep=_at_least_one(lambda probs, p: probs >= p)),
        ),
        "min-p-for-top-p": Mutant(
            "tokens below 1 − p of the most likely one's probability are cut: p is what the tokens"
            " kept have together",
            _nucleus(keep=lambda probs, p: probs >= (1 - p) * probs[..., :1]),
        ),
        "share-of-the-likeliest": Mutant(
            "tokens with at least p times the most likely one's probability are kept, known as"
            " min-p: p is what the tokens kept have together",
            _nucleus(keep=lambda probs, p: probs >= p * probs[..., :1]),
        ),
        "top-k-for-top-p": Mutant(
            "a fixed number of tokens is kept, p times V: how many are kept depends on their"
            " probabilities",
            _top_k,
        ),
        "top-k-rounded-down": Mutant(
            "a fixed number of tokens is kept, p times V: how many are kept depends on their"
            " probabilities",
            partial(_top_k, whole=int),
        ),
        "sorted-ascending": Mutant(
            "the least likely tokens are kept: sort in descending order", _nucleus(highest=False)
        ),
        "unsorted-cumsum": Mutant(
            "the running sum goes over the tokens in their own order: sort them first, most likely"
            " first",
            _unsorted,
        ),
        "unsorted-then-order": Mutant(
            "the probabilities are in the tokens' own order, and `order` goes by likelihood: sort"
            " the probabilities too, before the running sum",
            _unsorted_then_order,
        ),
        "rank-not-token-id": Mutant(
            "the ranks came back, 0 for the most likely: turn them into tokens again with the order"
            " of the sorting",
            _nucleus(named=False),
        ),
        "greedy-argmax": Mutant(
            "the most likely token is always taken: draw among the tokens kept",
            lambda logits, T, p, rng: logits.argmax(-1),
        ),
        "no-truncation": Mutant(
            "p is ignored: nothing was cut", _nucleus(keep=lambda probs, p: probs >= 0)
        ),
        "uniform-over-nucleus": Mutant(
            "the tokens kept are all equally likely: they keep their proportions",
            _nucleus(then=lambda kept, T: (kept > 0).double()),
        ),
        "column-shape": Mutant(
            "a column of shape (B, 1) came back: (B,) is asked for",
            _nucleus(out=lambda words: words[:, None]),
        ),
        "float-token-ids": Mutant(
            "the tokens came back as real numbers: whole numbers are asked for",
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
            "how many tokens are kept was found in the first row and used in all: each row has a"
            " nucleus of its own",
            _nucleus(keep=lambda probs, p: ((probs.cumsum(-1) - probs)[:1] < p).expand_as(probs)),
        ),
        "softmax-over-rows": Mutant(
            "the softmax went over the rows, dim=0: each row is a distribution of its own",
            _over_rows,
        ),
        "sorted-mask-on-unsorted": Mutant(
            "what to keep was found among the sorted tokens and laid over the unsorted ones: sort"
            " the probabilities along with it",
            _laid_over,
        ),
        "sorted-mask-on-unsorted-then-order": Mutant(
            "what to keep was found among the sorted tokens and laid over the unsorted ones, and"
            " `order` then named the wrong token: use the sorted probabilities all along",
            _named_twice,
        ),
        "cumsum-over-rows": Mutant(
            "the running sum went down the rows, dim=0: it runs over each row, dim=-1",
            _nucleus(keep=lambda probs, p: probs.cumsum(0) - probs < p),
        ),
        "probabilities-over-temperature": Mutant(
            "the probabilities were divided by T: divide the logits, before the softmax",
            _nucleus(
                scaled=lambda logits, T: logits,
                warm=lambda probs, T: probs / T,
            ),
        ),
        "probabilities-to-the-temperature": Mutant(
            "the probabilities were raised to the power T: to divide logits by T is to raise"
            " probabilities to the power 1/T",
            _nucleus(then=lambda kept, T: kept**T, scaled=lambda logits, T: logits),
        ),
        "second-most-likely-start": Mutant(
            "the most likely token is never drawn: the running sum starts with it",
            _nucleus(keep=lambda probs, p: (probs.cumsum(-1) > probs) & _ahead(probs, p)),
        ),
        "ascending-wrong-cutoff": Mutant(
            "in ascending order, the tokens to drop are those whose running sum stays"
            " within 1 − p, not within p",
            _nucleus(highest=False, keep=lambda probs, p: probs.cumsum(-1) > p),
        ),
        "divided-by-p": Mutant(
            "the random number goes up to p, but the tokens kept have p or more together: the last"
            " of them comes too rarely",
            lambda logits, T, p, rng: _nucleus(
                keep=lambda probs, p: probs >= 0, share=lambda kept: kept / p
            )(logits, T, p, rng),
        ),
        "second-softmax": Mutant(
            "the probabilities of the tokens kept went through a second softmax: divide them by"
            " their sum",
            _nucleus(share=lambda kept: kept.masked_fill(kept == 0, -math.inf).softmax(-1)),
        ),
        "inverse-permutation": Mutant(
            "`order` was inverted: it already says which token is at each rank",
            _turned_order,
        ),
        "sorted-over-rows": Mutant(
            "the sorting went down the rows, dim=0: each row is sorted by itself, dim=-1",
            _sorted_over_rows,
        ),
        "rank-off-by-one": Mutant(
            "one rank too far: the number of running sums below the random number is the rank,"
            " counted from 0",
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


# ---- 8.6 lstm_step -------------------------------------------------------------------------------

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


OPEN, SHUT = 30.0, -30.0  # biases at which a gate is 1 or 0
GATES = {  # what holds whatever x, h and the weights of the candidate are: biases i, f, o
    "with f at 1 and i at 0, the new c is the old one": (SHUT, OPEN, OPEN),
    "with f at 0 and i at 1, the new c is the candidate tanh(g)": (OPEN, SHUT, OPEN),
    "with o at 0, the new h is 0": (OPEN, OPEN, SHUT),
    "with o at 1, the new h is the tanh of the new c": (OPEN, OPEN, OPEN),
}


def _gated(ask: Ask, *args: TensorArg) -> dict[str, bool]:
    """Which of GATES hold, with the biases of the three gates set and their weights at 0."""
    x, h, c, W, U, b_x, b_h = (arg.values.astype(np.float32) for arg in args)
    H = h.shape[1]
    g = np.tanh(x[0] @ W[2 * H : 3 * H].T + h @ U[2 * H : 3 * H].T + (b_x + b_h)[2 * H : 3 * H])
    shown = {}
    for fact, (i, f, o) in GATES.items():
        bias = np.repeat([i, f, 0.0, o], H) + np.where(np.arange(4 * H) // H == 2, b_x, 0)
        found = _stepped(ask, *args[:5], TensorArg(bias), args[6])
        new_h, new_c = numbers_in(found["h"]), numbers_in(found["c"])
        want = {"old one": c, "tanh(g)": g, "is 0": 0 * c, "new c": np.tanh(new_c)}
        due = next(value for end, value in want.items() if fact.endswith(end))
        seen = new_c if "the new c is" in fact else new_h
        shown[fact] = seen.shape == due.shape and bool(np.allclose(seen, due, atol=1e-3))
    return shown


def _gate_args(rng: np.random.Generator) -> tuple[TensorArg, ...]:
    """Arguments of a step in which only the candidate has weights; one bias of it is in b_hh."""
    x, h, c, W, U, b_x, b_h = (arg.values for arg in _lstm_args(rng, 1, 2, 3, 2))
    candidate = np.arange(8) // 2 == 2
    W, U, b_h = W * candidate[:, None], U * candidate[:, None], b_h * candidate
    return tuple(map(TensorArg, (x, h, c, W, U, b_x, b_h)))


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
        Case(
            "gates fully open or shut",
            _gate_args(rng),
            _gated,
            want=dict.fromkeys(GATES, True),
        ),
        close_case(
            "f is 1 and the candidate 0: c = 0.7 stays, and h = tanh(0.7)",
            remember,
            _stepped,
        ),
        close_case(
            "one step, three rows, four inputs, two hidden units",
            _lstm_args(rng, 1, 3, 4, 2),
            _stepped,
        ),
        close_case(
            "one step, two rows, as many inputs as hidden units",
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
    """An answer to 8.6, one part of which may be changed. `order` names the four blocks of the
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


def _shown_candidate(x: Tensor, h: Tensor, c: Tensor, weights: Any) -> Any:
    W, U, b_x, b_h = weights
    i, f, g, o = (x @ W.T + b_x + h @ U.T + b_h).chunk(4, dim=1)
    return o.sigmoid() * g.tanh(), f.sigmoid() * c + i.sigmoid() * g.tanh()


def _hard(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


LSTM = Exercise(
    "8.6",
    "lstm_step",
    _lstm_cases,
    _lstm_oracle,
    {
        "gate-order-ifog": Mutant(
            "the blocks were read in the order i, f, o, g: in torch's weights the candidate g comes"
            " third",
            _step("ifog"),
        ),
        "gate-order-figo": Mutant(
            "input and forget gate are exchanged: block one, i, multiplies the candidate, and block"
            " two, f, the old c",
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
            "the candidate went through a sigmoid: it must be able to subtract, so tanh",
            _step(propose=lambda z: z.sigmoid()),
        ),
        "linear-candidate": Mutant(
            "the candidate went through nothing at all: tanh keeps it between −1 and 1",
            _step(propose=lambda z: z),
        ),
        "relu-candidate": Mutant(
            "the candidate went through a ReLU: it must be able to subtract, so tanh",
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
            "h is made from the old c: it is made from the new one",
            _step(show=lambda o, c, old: o * old.tanh()),
        ),
        "no-tanh-on-cell": Mutant(
            "h shows c as it is: c goes through tanh first", _step(show=lambda o, c, old: o * c)
        ),
        "no-output-gate": Mutant(
            "h is tanh(c) without the output gate", _step(show=lambda o, c, old: c.tanh())
        ),
        "output-gate-only": Mutant(
            "h is the output gate alone: it is multiplied by tanh(c)",
            _step(show=lambda o, c, old: o),
        ),
        "tanh-after-output-gate": Mutant(
            "the tanh is around the output gate and c together: only c goes through it",
            _step(show=lambda o, c, old: (o * c).tanh()),
        ),
        "outputs-swapped": Mutant(
            "c and h came back in the wrong order: first h, then c",
            _step(out=lambda h, c, old_h, old_c: (c, h)),
        ),
        "no-input-gate": Mutant(
            "the input gate is missing: the candidate is added in full",
            _step(edit=lambda i, f, g, c: f * c + g),
        ),
        "no-forget-gate": Mutant(
            "the forget gate is missing: the old c is kept in full",
            _step(edit=lambda i, f, g, c: c + i * g),
        ),
        "forget-gate-inverted": Mutant(
            "the old c is multiplied by 1 − f: f says how much is *kept*",
            _step(edit=lambda i, f, g, c: (1 - f) * c + i * g),
        ),
        "coupled-input-forget-gate": Mutant(
            "the candidate is multiplied by 1 − f: the LSTM has an input gate of its own",
            _step(edit=lambda i, f, g, c: f * c + (1 - f) * g),
        ),
        "old-cell-missing": Mutant(
            "the old c is missing: f times the old c is a part of the new one",
            _step(edit=lambda i, f, g, c: i * g),
        ),
        "candidate-subtracted": Mutant(
            "the candidate was subtracted: i times g is added",
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
            "h is not used: the gates depend on x and on h",
            _step(gates=lambda x, h, w: x @ w[0].T + w[2] + w[3]),
        ),
        "input-x-missing": Mutant(
            "x is not used: the gates depend on x and on h",
            _step(gates=lambda x, h, w: h @ w[1].T + w[2] + w[3]),
        ),
        "old-cell-for-hidden": Mutant(
            "the gates were made from c in place of h: they depend on x and on h",
            lambda x, h, c, w: _step()(x, c, c, w),
        ),
        "candidate-missing": Mutant(
            "the candidate g is missing: the input gate lets i times g in, not i alone",
            _step(edit=lambda i, f, g, c: f * c + i),
        ),
        "hidden-from-candidate": Mutant(
            "h was made from the candidate: it is made from the new c",
            _shown_candidate,
        ),
        "hidden-twice": Mutant(
            "h came back twice: first h, then the new c",
            _step(show=lambda o, c, old: o * c.tanh(), out=lambda h, c, old_h, old_c: (h, h)),
        ),
        "old-hidden-for-cell": Mutant(
            "the new c was made from the old h: f keeps the old *c*",
            lambda x, h, c, w: _step()(x, h, h, w),
        ),
        "input-bias-twice": Mutant(
            "the first bias was added twice: the second one is b_hh",
            _step(gates=lambda x, h, w: x @ w[0].T + w[2] + h @ w[1].T + w[2]),
        ),
        "sigmoid-then-tanh-candidate": Mutant(
            "all four blocks went through a sigmoid, and g through tanh besides: the candidate goes"
            " through tanh alone",
            _step(propose=lambda z: z.sigmoid().tanh()),
        ),
        "sigmoid-on-cell": Mutant(
            "c went through a sigmoid in h: it goes through tanh",
            _step(show=lambda o, c, old: o * c.sigmoid()),
        ),
        "tanh-on-stored-cell": Mutant(
            "the new c itself went through tanh: only its copy in h does",
            _step(edit=lambda i, f, g, c: (f * c + i * g).tanh(), show=lambda o, c, old: o * c),
        ),
        "forget-gate-for-output-gate": Mutant(
            "tanh(c) was multiplied by the forget gate: h needs the output gate o",
            _shown_by_forget,
        ),
        "interleaved-gate-rows": Mutant(
            "the gates were read as every fourth row: torch's blocks of H rows follow each other",
            _interleaved,
        ),
        "forget-bias-plus-one": Mutant(
            "the forget gate got an extra 1: that belongs in the bias when training starts, not"
            " in the step",
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


# ---- 8.7 train_writer ----------------------------------------------------------------------------


WRITTEN, BAR = 200, 0.95  # documents asked for; share of them that must be grammatical
FEW = 20  # documents of a second call
COMPARED = 40  # documents whose nearest neighbors are sought
FACTS = {
    "rows": "write(n, rng) returns n rows of tokens, whole numbers, for every n",
    "vocabulary": "all tokens stand for words: from 0 up to the largest number in y",
    "start": "every row begins with token 1, the start of a document",
    "learned": (
        "which number is which word is learned from y: these are the numbers of `VOCABULARY`, and"
        " the check gives the words other ones"
    ),
    "box": (
        "most documents begin with the six facts of a possible match and a colon: if not, either"
        " the training was far too short, or the model lacks the causal mask, or its targets are"
        " not the *next* tokens"
    ),
    "ends": (
        "most documents come to an end, the end token within the longest length of y: are rows long"
        " enough?"
    ),
    "different": (
        "nine documents in ten are different from all others: does `rng` decide, and is the"
        " temperature not too low?"
    ),
    "again": "a second call writes other documents: the first ones came back",
    "facts": (
        "of the facts told in grammatical reports, at least half agree with the document's own"
        " head: a report has to look back at it, which attention or an LSTM can do, and a table of"
        " the last tokens only for the first sentence"
    ),
    "new": (
        "nine reports in ten, what follows the colon, are in no training document: new ones are"
        " asked for, not copies"
    ),
    "apart": (
        "reports are about as far from those in y as fresh ones of the same newspaper: these are"
        " nearer, like copies with some words exchanged"
    ),
    "mixed": (
        "some sentences are new, as in fresh documents of the same newspaper: here all of them are"
        " sentences of y, put together anew"
    ),
}
FORM = ("rows", "vocabulary", "start")  # what few documents can show
REACHED = f"the share of grammatical documents, where {BAR} or more is asked for"
NO_WRITER = "`train_writer` returns a function write(n, rng)"
Documents = list[list[str]]


def _rows_of(ask: Ask, probe: str, *args: Any) -> list[Any]:
    """What the probe returns. Raises NotData(NO_WRITER) where no function came back."""
    try:
        return ask.probe(probe, *args)
    except AnswerRaised as error:
        if "not callable" in error.raised.message:
            raise NotData(NO_WRITER) from None
        raise


def _form(found: list[Any], sizes: tuple[int, ...], V: int) -> Iterator[tuple[str, Any]]:
    """Facts about rows of tokens, before anything is read in them."""
    rows = [numbers_in(part) for part in found]
    yield (
        "rows",
        all(
            part.ndim == 2 and len(part) == n and part.shape[1] > 0 and part.dtype.kind in "iu"
            for part, n in zip(rows, sizes, strict=True)
        ),
    )
    yield "vocabulary", all(0 <= part.min() and part.max() < V for part in rows)
    yield "start", all((part[:, 0] == 1).all() for part in rows)


def _writer_formed(ask: Ask, y: TensorArg, seed: Seed) -> dict[str, Any]:
    """The facts of FORM; where the training itself fails on few documents, they count as held."""
    found = _rows_of(ask, "lesson08.drafted", y, 5, seed)
    if not found:
        return {FACTS[key]: True for key in FORM}
    return until_one_fails(_form(found, (5,), int(y.values.max()) + 1), FACTS)


def _writer_judged(words: list[str], luck: int) -> Callable[..., dict[str, Any]]:
    """Reads FACTS up to the first that does not hold; the share of grammatical documents last, up
    to the bar. `words` are the words by the numbers in y, `luck` the seed of documents held out.
    """

    def read(ask: Ask, y: TensorArg, seed: Seed) -> dict[str, Any]:
        found = _rows_of(ask, "lesson08.writer", y, [WRITTEN, FEW], seed)
        known = [_words(row, words) for row in y.values]
        held_out = _corpus(luck, len(known))
        return until_one_fails(_writer_facts(found, words, known, held_out), FACTS)

    return read


def _writer_facts(
    found: list[Any], words: list[str], known: Documents, held_out: Documents
) -> Iterator[tuple[str, Any]]:
    """Pairs of a key of FACTS and whether it holds, in an order in which each may rely on those
    before it.
    """
    from course_utils.lesson08 import newsroom

    yield from _form(found, (WRITTEN, FEW), len(words))
    documents, more = ([_words(row, words) for row in part] for part in found)
    heads = [newsroom.facts_of(document) for document in documents]
    started = np.mean([head is not None for head in heads]) > 0.5
    listed = [newsroom.facts_of(_words(row, newsroom.VOCABULARY)) for row in found[0]]
    yield "learned", started or np.mean([head is not None for head in listed]) <= 0.5
    yield "box", started
    yield "ends", np.mean([document[-1] == newsroom.END for document in documents]) > 0.5
    texts = {" ".join(document) for document in documents}
    yield "different", len(texts) >= 0.9 * WRITTEN
    yield "again", np.mean([" ".join(document) in texts for document in more]) < 0.5
    told = [
        newsroom.told(document[8:-1]) if head else None
        for head, document in zip(heads, documents, strict=True)
    ]
    right = [
        getattr(head, kind) == word
        for head, facts in zip(heads, told, strict=True)
        for kind, word in facts or ()
    ]
    yield "facts", not right or np.mean(right) >= 0.5
    yield from _novelty(documents, known, held_out)
    share = float(np.mean([facts is not None for facts in told]))
    yield REACHED, math.floor(100 * min(share, BAR) + 1e-9) / 100


def _novelty(
    documents: Documents, known: Documents, held_out: Documents
) -> Iterator[tuple[str, Any]]:
    """Whether reports are new, as far from the known ones as from as many held out, and whether
    their sentences are not all known ones. Names and numbers of a match count by their kind.
    """
    printed = {" ".join(document[8:]) for document in known}
    yield "new", np.mean([" ".join(document[8:]) not in printed for document in documents]) >= 0.9
    ours, theirs, fresh = map(_reports, (documents, known, held_out))
    near, far = (_nearest(ours[:COMPARED], others).mean() for others in (theirs, fresh))
    yield "apart", near > 0.8 * far
    sentences = [sentence for report in ours for sentence in _sentences(report)]
    old, other = ({s for report in part for s in _sentences(report)} for part in (theirs, fresh))
    only_old, only_other = (
        sum(s in here and s not in there for s in sentences)
        for here, there in ((old, other), (other, old))
    )
    unseen = sum(s not in old for s in sentences)
    yield "mixed", unseen > 0.02 * len(sentences) or only_old < 6 * max(1, only_other)


def _reports(documents: Documents) -> Documents:
    """What follows the colon, with the facts of a match replaced by their kind."""
    from course_utils.lesson08.newsroom import KINDS

    kinds = {word: kind for kind, words in KINDS.items() for word in words}
    return [[kinds.get(word, word) for word in document[8:]] for document in documents]


def _sentences(report: list[str]) -> list[str]:
    return [sentence for sentence in " ".join(report).split(" .") if sentence.strip()]


def _nearest(reports: Documents, others: Documents) -> np.ndarray:
    """How many words must be inserted, dropped or replaced to get from each report to the nearest
    of the others: (n,).
    """
    number: dict[str, int] = {}
    longest = max(map(len, reports + others))
    a, b = (
        np.array(
            [
                [number.setdefault(word, len(number) + 1) for word in report]
                + [0] * (longest - len(report))
                for report in part
            ],
            dtype=np.int16,
        ).T
        for part in (reports, others)
    )  # (L, n) and (L, N), padded
    before = [np.full((a.shape[1], b.shape[1]), j, np.int8) for j in range(longest + 1)]
    for i in range(longest):
        after = [np.full_like(before[0], i + 1)]
        for j in range(longest):
            changed = before[j] + (a[i][:, None] != b[j])
            after.append(np.minimum(changed, np.minimum(before[j + 1], after[j]) + np.int8(1)))
        before = after
    return before[longest].min(axis=1)


def _words(row: np.ndarray, words: list[str]) -> list[str]:
    from course_utils.lesson08.newsroom import END

    document = [words[token] for token in row]
    return document[: document.index(END) + 1] if END in document else document


def _tokens(documents: Documents, words: list[str]) -> np.ndarray:
    """Lists of words as rows of tokens, padded with 0."""
    number = {word: i for i, word in enumerate(words)}
    longest = max(map(len, documents))
    return np.array(
        [[number[word] for word in text] + [0] * (longest - len(text)) for text in documents]
    )


def _renumbered(rng: np.random.Generator) -> list[str]:
    """The words by numbers of the check's own; padding, start and end keep theirs."""
    from course_utils.lesson08.newsroom import VOCABULARY

    return [*VOCABULARY[:3], *(VOCABULARY[3 + i] for i in rng.permutation(len(VOCABULARY) - 3))]


def _corpus(seed: int, n: int) -> Documents:
    from course_utils.lesson08 import newsroom

    rng = np.random.default_rng(seed)
    return [newsroom.document(rng) for _ in range(n)]


def _writer_cases(rng: np.random.Generator) -> list[Case]:
    words = _renumbered(rng)
    known, fresh, luck = map(int, rng.integers(2**31, size=3))
    return [
        Case(
            f"trained on 4,000 documents, asked for {WRITTEN} new ones",
            (TensorArg(_tokens(_corpus(known, 4000), words)), Seed(luck)),
            _writer_judged(words, fresh),
            want={fact: True for fact in FACTS.values()} | {REACHED: BAR},
        )
    ]


def _writer_draft(rng: np.random.Generator) -> list[Case]:
    words = _renumbered(rng)
    known, luck = map(int, rng.integers(2**31, size=2))
    return [
        Case(
            "trained on 150 documents, asked for five",
            (TensorArg(_tokens(_corpus(known, 150), words)), Seed(luck)),
            _writer_formed,
            want={FACTS[key]: True for key in FORM},
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
    """An answer to 8.7, of which some part may be changed. The caller's random state stays as it
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


def _from_rows(write: Answer) -> Answer:
    """An answer to 8.7 that learns nothing: `write(y, n, rng)` makes rows from those in y."""
    return lambda y: lambda n, rng: write(y, n, rng)


def _copied(y: Any, n: int, rng: np.random.Generator) -> Any:
    return y[rng.permutation(len(y))[:n]]


def _renamed(y: Any, n: int, rng: np.random.Generator) -> Any:
    """Copies under a new head, whose facts replace the old ones wherever they were told."""
    rows = _copied(y, n, rng).clone()
    for row in rows:
        head = y[rng.integers(len(y)), 1:7]
        for old, new in zip(row[1:7].clone(), head, strict=True):
            row[row == old] = new
    return rows


def _put_together(y: Any, n: int, rng: np.random.Generator) -> Any:
    """Sentences of training documents, each from another one, with the facts of a new head."""
    import torch

    stop = int(np.bincount(y[:, -30:].flatten().numpy())[3:].argmax()) + 3  # the full stop
    rows = torch.zeros(n, 2 * y.shape[1], dtype=torch.long)
    for row in rows:
        head = y[rng.integers(len(y)), :8].tolist()
        text = list(head)
        for k in range(4):
            source = y[rng.integers(len(y))].tolist()
            ends = [7, *(t for t in range(8, len(source)) if source[t] == stop)]
            exchanged = dict(zip(source[1:7], head[1:7], strict=True))
            last = source.index(2) if k == 3 else ends[k + 1] + 1
            text += [exchanged.get(token, token) for token in source[ends[k] + 1 : last]]
        row[: len(text) + 1] = torch.tensor([*text, 2])
    return rows


def _newsroom_itself(y: Any, n: int, rng: np.random.Generator) -> Any:
    """The course's own generator of documents."""
    from course_utils.lesson08.newsroom import VOCABULARY, document

    return _tokens([document(rng) for _ in range(n)], VOCABULARY)


def _pooled(y: Any) -> Callable[..., Any]:
    pool = _renamed(y, WRITTEN, np.random.default_rng(0))
    return lambda n, rng: pool[:n]


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


def _always_the_same(y: Any, n: int, rng: np.random.Generator) -> Any:
    return y[:1].repeat(n, 1)


WRITER = Exercise(
    "8.7",
    "train_writer",
    _writer_cases,
    None,
    {"no-function-returned": Mutant(NO_WRITER, lambda y: y)}
    | breaking(
        FACTS,
        {
            "rows": lambda y: lambda n, rng: y[:n].float(),
            "vocabulary": lambda y: lambda n, rng: y[:n] + 1000,
            "start": lambda y: lambda n, rng: y[:n, 1:],
            "learned": _from_rows(_newsroom_itself),
            "box": _writes(steps=60, ahead=0),
            "ends": lambda y: lambda n, rng: y[rng.permutation(len(y))[:n], :20],
            "different": _from_rows(_always_the_same),
            "again": _pooled,
            "facts": _long_table,
            "new": _from_rows(_copied),
            "apart": _from_rows(_renamed),
            "mixed": _from_rows(_put_together),
        },
    ),
    {
        "torch's own Transformer layers": _writes(steps=700, lr=8e-3),
        "an LSTM with open gates": _writes("LSTM", steps=700, lr=8e-3),
        "torch's own Transformer layers, colder": _writes(steps=600, lr=8e-3, T=0.8),
    },
    seconds=240.0,
    quick=_writer_draft,
)

EXERCISES = [BITS, ATTENTION, BLOCK, GENERATE, TOP_P, LSTM, WRITER]
