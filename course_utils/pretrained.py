"""Two small trained generators, run with NumPy alone: `digits` draws, `chorale` sings.

The weights come with the course (`card("weights_digits")`, `card("weights_chorale")` in
`course_utils.data` say how they were trained and how good they are). The lessons teach how such
models are made; this module only runs them.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from course_utils.data import bundled

Weights = dict[str, np.ndarray]

# The singer thinks in eighths and in the keys C major or A minor, in these voices and pitches.
LOWEST = np.array([55, 51, 46, 33])  # MIDI pitch of the first choice of soprano, alto, tenor, bass
CHOICES = np.array([30, 27, 28, 33])  # how many pitches each voice chooses from
ORDER = (0, 3, 2, 1)  # within a step: soprano, then bass, then the middle
RANGES = np.array([[57, 81], [53, 74], [48, 69], [36, 64]])  # what Bach asks of each voice, MIDI
MODES = 3  # major, minor, other
FARTHEST = 15  # eighths to the next fermata, beyond which the model does not count
CANDIDATES = 32  # pieces sung at once; the best one is returned
# share of off-beat eighths on which a voice moves; Bach's middle half is 0.17 to 0.28
LIVELINESS = (0.2, 0.4)


# --------------------------------------------------------------------------------------------------


def digits(
    n: int, rng: np.random.Generator, temperature: float = 0.85, *, weights: Weights | None = None
) -> np.ndarray:
    """Draw handwritten digits that nobody wrote: (n, 28, 28) float32 in [0, 1].

    A point is drawn from a mixture of Gaussians in a space of 16 numbers, then decoded into a
    picture. A temperature below 1 stays closer to the centers: fewer odd digits, less variety. All
    randomness comes from `rng`. `weights` replaces the shipped ones. Raises ValueError for a
    negative n or temperature.
    """
    if n < 0 or temperature < 0:
        raise ValueError(
            f"digits needs n >= 0 and temperature >= 0, got n={n} and temperature={temperature}."
        )
    weights = prepared(weights) if weights else load("weights_digits")
    # (n,)
    cluster = rng.choice(
        len(weights["shares"]), size=n, p=weights["shares"] / weights["shares"].sum()
    )
    noise = temperature * rng.standard_normal((n, weights["means"].shape[1])).astype(np.float32)
    # (n, 16)
    codes = weights["means"][cluster] + np.einsum("nij,nj->ni", weights["scales"][cluster], noise)
    return decode(codes, weights)


def decode(codes: np.ndarray, weights: Weights) -> np.ndarray:
    """Codes (n, Z) -> pictures (n, 28, 28) in [0, 1]: one linear layer, then two convolutions that
    double the size.
    """
    channels = weights["grow14"].shape[1]
    hidden = leaky(codes @ weights["linear"].T + weights["linear_bias"]).reshape(
        len(codes), channels, 7, 7
    )
    for layer in ("grow14", "grow28"):
        hidden = leaky(unfold(convolve(hidden, weights[layer], weights[f"{layer}_bias"])))
    logits = convolve(hidden, weights["ink"], weights["ink_bias"])[:, 0]  # (n, 28, 28)
    return sigmoid(logits)


def convolve(images: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """3x3 convolution of the same size: (n, C, H, W) with kernel (O, C, 3, 3) -> (n, O, H, W)."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    # (n, C, H, W, 3, 3)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.moveaxis(np.tensordot(windows, kernel, ([1, 4, 5], [1, 2, 3])) + bias, 3, 1)


def unfold(images: np.ndarray) -> np.ndarray:
    """Four channels become the four quarters of every pixel: (n, 4C, H, W) -> (n, C, 2H, 2W)."""
    n, channels, height, width = images.shape
    quarters = images.reshape(n, channels // 4, 2, 2, height, width).transpose(0, 1, 4, 2, 5, 3)
    return quarters.reshape(n, channels // 4, 2 * height, 2 * width)


# --------------------------------------------------------------------------------------------------


def chorale(
    bars: int,
    rng: np.random.Generator,
    temperature: float = 0.7,
    with_onsets: bool = False,
    *,
    weights: Weights | None = None,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Sing a chorale in the manner of Bach: MIDI pitches (16 * bars, 4), one row a sixteenth.

    Columns are soprano, alto, tenor, bass; nobody rests, so -1 does not occur. The first quarter is
    an upbeat. With `with_onsets` also returns (16 * bars, 4) bool, true where a note is struck and
    not held: only there is a repeated note told from a long one. The temperature sharpens the
    choice of pitches, not the rhythm. Several candidates are sung; of those that fit the voices and
    end on the chord of their key, the one the model finds likeliest is returned, moved to a random
    key that suits the singers; if none does, the likeliest of all, unmoved if need be. All
    randomness comes from `rng`. `weights` replaces the shipped ones. Raises ValueError if bars < 1
    or temperature <= 0.
    """
    if bars < 1 or temperature <= 0:
        raise ValueError(
            f"chorale needs bars >= 1 and temperature > 0, got bars={bars},"
            f" temperature={temperature}."
        )
    minor = int(rng.integers(2))
    plan = conditions(phrase_ends(bars), 6, minor, rng.uniform(*LIVELINESS))
    notes, onsets, likelihood = sing(
        plan, temperature, rng, prepared(weights) if weights else load("weights_chorale")
    )
    fits = ends_on_tonic(notes, minor).astype(int) + [bool(keys(song)) for song in notes]
    best = int(np.lexsort((likelihood, fits))[-1])
    song = notes[best] + rng.choice(keys(notes[best]) or [0])
    struck = np.stack([onsets[best], np.zeros_like(onsets[best])], axis=1).reshape(-1, 4)
    song = np.repeat(song, 2, axis=0)  # an eighth is two sixteenths
    return (song, struck) if with_onsets else song


def phrase_ends(bars: int) -> np.ndarray:
    """Where the fermatas lie: (8 * bars,) bool, one entry an eighth. Phrases last two bars, the
    last takes the rest.
    """
    fermatas = np.zeros(8 * bars, bool)
    for end in range(16, 8 * bars - 8, 16):
        fermatas[end - 2 : end] = True
    fermatas[-6 if bars > 1 else -2 :] = True
    return fermatas


def conditions(fermatas: np.ndarray, first: int, mode: int, liveliness: float) -> np.ndarray:
    """What the singer knows beforehand: (T, 31) float32 for T eighths.

    Fermatas (T,) bool end the phrases; `first` is the place of the first eighth in its 4/4 bar
    (0 to 7), `mode` is 0 major, 1 minor, 2 other. One-hot place in the bar (8) and distance to the
    next fermata (16), then three flags (fermata, last phrase, both), one-hot mode (3), and
    liveliness.
    """
    steps = np.arange(len(fermatas))
    begins = np.flatnonzero(fermatas & ~np.r_[False, fermatas[:-1]])
    following = np.r_[begins, len(fermatas) + FARTHEST][np.searchsorted(begins, steps)]
    last = steps > (np.flatnonzero(fermatas & (steps < begins[-1]))[-1] if len(begins) > 1 else -1)
    return np.concatenate(
        [
            np.eye(8)[(steps + first) % 8],
            np.eye(FARTHEST + 1)[np.minimum(following - steps, FARTHEST)],
            np.stack([fermatas, last, fermatas & last], axis=1),
            np.tile(np.eye(MODES)[mode], (len(steps), 1)),
            np.full((len(steps), 1), 4 * (liveliness - 0.2)),
        ],
        axis=1,
    ).astype(np.float32)


def sing(
    plan: np.ndarray, temperature: float, rng: np.random.Generator, weights: Weights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All candidates at once: pitches and onsets (CANDIDATES, T, 4), mean log-likelihood per eighth
    (CANDIDATES,).
    """
    notes = np.zeros((CANDIDATES, len(plan), 4), np.int64)
    onsets = np.zeros(notes.shape, bool)
    likelihood = np.zeros(CANDIDATES)
    memory = np.zeros((CANDIDATES, weights["recurrent"].shape[1]), np.float32)
    # known: (CANDIDATES, 31)
    for step, known in enumerate(np.repeat(plan[:, None], CANDIDATES, axis=1)):
        before = notes[:, step - 1] if step else None
        heard = hear(before, onsets[:, step - 1])
        memory = remember(memory, np.concatenate([heard, known], axis=1), weights)
        for rank, voice in enumerate(ORDER):
            logits = voice_logits(rank, before, notes[:, step], memory, known, weights)
            token, nll = pick(logits, temperature, rng)
            held = 0 if before is None else before[:, voice]
            notes[:, step, voice] = np.where(token > 0, LOWEST[voice] + token - 1, held)
            onsets[:, step, voice] = token > 0
            likelihood -= nll / len(plan)
    return notes, onsets, likelihood


def hear(before: np.ndarray | None, struck: np.ndarray) -> np.ndarray:
    """The previous eighth as the model takes it in, (N, 122): one-hot pitches, then onsets; zeros
    at the beginning.
    """
    if before is None:
        return np.zeros((len(struck), CHOICES.sum() + 4), np.float32)
    return np.concatenate(
        [*(one_hot(before, voice) for voice in range(4)), struck.astype(np.float32)], axis=1
    )


def one_hot(notes: np.ndarray, voice: int) -> np.ndarray:
    """The pitch of one voice, notes (N, 4) -> (N, CHOICES[voice])."""
    return np.eye(CHOICES[voice], dtype=np.float32)[notes[:, voice] - LOWEST[voice]]


def remember(memory: np.ndarray, heard: np.ndarray, weights: Weights) -> np.ndarray:
    """One step of a gated recurrent unit: memory (N, H) and what was heard (N, I) -> new memory
    (N, H).
    """
    inward = np.split(heard @ weights["input"].T + weights["input_bias"], 3, axis=1)
    within = np.split(memory @ weights["recurrent"].T + weights["recurrent_bias"], 3, axis=1)
    reset, keep = sigmoid(inward[0] + within[0]), sigmoid(inward[1] + within[1])
    proposal = np.tanh(inward[2] + reset * within[2])
    return (1 - keep) * proposal + keep * memory


def voice_logits(
    rank: int,
    before: np.ndarray | None,
    now: np.ndarray,
    memory: np.ndarray,
    known: np.ndarray,
    weights: Weights,
) -> np.ndarray:
    """Scores of what the voice of this rank in ORDER may do, (N, 1 + CHOICES): hold, or strike one
    of its pitches.

    `now` (N, 4) holds the pitches of the voices that chose before it in this step.
    """
    voice = ORDER[rank]
    own = (
        one_hot(before, voice)
        if before is not None
        else np.zeros((len(now), CHOICES[voice]), np.float32)
    )
    seen = [memory, known, *(one_hot(now, other) for other in ORDER[:rank]), own]
    hidden = np.tanh(
        np.concatenate(seen, axis=1) @ weights[f"look{rank}"].T + weights[f"look{rank}_bias"]
    )
    logits = hidden @ weights[f"choose{rank}"].T + weights[f"choose{rank}_bias"]
    if before is None:
        logits[:, 0] = -np.inf  # there is nothing to hold yet
    else:
        logits[:, 1:] += counterpoint(rank, before, now, known, weights)
    return logits


def counterpoint(
    rank: int, before: np.ndarray, now: np.ndarray, known: np.ndarray, weights: Weights
) -> np.ndarray:
    """How well each pitch follows, (N, CHOICES): learned tables of intervals, the same in every
    key.

    Looks at the step from the voice's last pitch, the distance to each voice that chose before, and
    how the interval with it moves on: which one it was, whether the other voice moved, and whether
    this is the weak half of a beat.
    """
    voice = ORDER[rank]
    pitches = LOWEST[voice] + np.arange(CHOICES[voice])
    score = weights["steps"][voice][np.clip(pitches - before[:, [voice]], -12, 12) + 12]
    weak = known[:, 1:8:2].sum(axis=1).astype(int)
    for index, other in enumerate(ORDER[:rank]):
        apart = now[:, [other]] - pitches
        was = (before[:, other] - before[:, voice]) % 12
        situation = (now[:, other] != before[:, other]) + 2 * weak
        score = score + weights[f"spacing{rank}"][index][np.clip(apart, -30, 30) + 30]
        score = (
            score + weights[f"motion{rank}"][index][situation[:, None], was[:, None], apart % 12]
        )
    return score


def pick(
    logits: np.ndarray, temperature: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One token per row, (N,), and how unlikely the model found it, in nats. Hold or strike ignores
    the temperature.
    """
    plain = softmax(logits)
    hold = plain[:, :1]
    tempered = np.concatenate([hold, (1 - hold) * softmax(logits[:, 1:] / temperature)], axis=1)
    token = (tempered.cumsum(axis=1) < rng.random((len(logits), 1))).sum(axis=1)
    token = np.minimum(token, logits.shape[1] - 1)  # the sum may fall short of one by rounding
    return token, -np.log(plain[np.arange(len(token)), token] + 1e-30)


def ends_on_tonic(notes: np.ndarray, minor: int) -> np.ndarray:
    """Whether the last chord is the tonic over its root, (N, T, 4) -> (N,) bool. Minor may end in
    major, as in Bach.
    """
    above = (notes[:, -1] - (9 if minor else 0)) % 12  # (N, 4) semitones above the tonic A or C
    thirds = [(above == third).any(axis=1) for third in ((3, 4) if minor else (4,))]
    pure = np.isin(above, (0, 3, 4, 7) if minor else (0, 4, 7)).all(axis=1)
    return (above[:, 3] == 0) & pure & (np.sum(thirds, axis=0) == 1)


def keys(notes: np.ndarray) -> list[int]:
    """Semitones, -5 to 6, by which (T, 4) pitches may be moved so that every voice stays in its
    range.
    """
    low, high = notes.min(axis=0), notes.max(axis=0)
    return [
        shift
        for shift in range(-5, 7)
        if (low + shift >= RANGES[:, 0]).all() and (high + shift <= RANGES[:, 1]).all()
    ]


# --------------------------------------------------------------------------------------------------


@cache
def load(name: str) -> Weights:
    """The arrays of one weights file as float32, read-only. Raises FileNotFoundError if the
    installation lacks it.
    """
    weights = prepared(bundled.arrays(f"{name}.npz"))
    for array in weights.values():
        array.setflags(write=False)
    return weights


def prepared(weights: Weights) -> Weights:
    """As float32, without the text `report`."""
    return {key: array.astype(np.float32) for key, array in weights.items() if key != "report"}


def leaky(x: np.ndarray) -> np.ndarray:
    """x where positive, a fifth of it elsewhere."""
    return np.maximum(x, 0.2 * x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), computed so that nothing overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
