"""Train the singer that course_utils.pretrained.chorale runs: a recurrent network with tables of
counterpoint.

Five minutes on one core at most. Called by `python -m tools data --weights`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data import Chorale, chorale_scores
from course_utils.pretrained import CHOICES, LOWEST, ORDER, conditions
from tools.data.chorale_measures import tune

# units of the recurrent layer, and of the layer that looks before each choice
MEMORY, LOOK = 80, 64
EPOCHS, BATCH, WINDOW = 160, 32, 64  # a window is eight bars of eighths
# DEAF: share of what was heard that is dropped in training
RATE, DECAY, DROP, DEAF = 8e-3, 0.15, 0.35, 0.3
KNOWN = 31
HELD_OUT = 10  # one tune in ten


class Song(NamedTuple):
    """A chorale as the singer sees it: eighths, in C major or A minor."""

    notes: np.ndarray  # (T, 4) MIDI pitch within the singer's choices
    onsets: np.ndarray  # (T, 4) bool
    known: np.ndarray  # (T, 31), see pretrained.conditions
    starts: np.ndarray  # where phrases begin
    tune: tuple[int, ...]


def songs() -> list[Song]:
    """The chorales in 4/4 in which hardly anybody rests."""
    return [
        song_of(piece)
        for piece in chorale_scores()
        if piece.bar == 16 and piece.pickup in (0, 4) and (piece.notes < 0).mean() <= 0.05
    ]


def halves() -> tuple[list[Song], list[Song]]:
    """Songs to learn from and songs held out. Settings of one tune stay together, or the test would
    be rehearsed.
    """
    everything = songs()
    tunes = sorted({song.tune for song in everything})
    held_out = set(tunes[3::HELD_OUT])
    return (
        [song for song in everything if song.tune not in held_out],
        [song for song in everything if song.tune in held_out],
    )


def song_of(piece: Chorale) -> Song:
    """Every second sixteenth of a chorale, moved to C or A; a rest is filled with the note before
    it.
    """
    mode, shift = mode_and_shift(piece)
    notes = (np.stack([filled(voice) for voice in piece.notes.T], axis=1) + shift)[::2]
    notes = LOWEST + np.clip(notes - LOWEST, 0, CHOICES - 1)
    onsets = piece.onsets[::2].copy()
    onsets[1:] |= notes[1:] != notes[:-1]
    fermatas = piece.fermatas[::2]
    ends = np.flatnonzero(fermatas & ~np.r_[fermatas[1:], False]) + 1
    liveliness = onsets[1::2].mean()
    known = conditions(fermatas, (-piece.pickup % 16) // 2, mode, liveliness)
    return Song(notes, onsets, known, np.r_[0, ends[:-1]], tune(piece))


def mode_and_shift(piece: Chorale) -> tuple[int, int]:
    """Mode (0 major, 1 minor, 2 other), and the semitones, -5 to 6, that move its final to C or A.

    The last bass note decides, since old tunes carry signatures that differ from their key; where
    it is neither the tonic nor, in minor, the fourth above it, the signature decides.
    """
    final, major_tonic = piece.notes[-1, 3], 7 * piece.fifths
    above = int(final - major_tonic - (9 if piece.minor else 0)) % 12
    if piece.minor and above in (0, 5):
        mode, shift = 1, 9 - final
    else:
        mode, shift = (0 if not piece.minor and above == 0 else 2), -major_tonic
    return mode, int(shift + 5) % 12 - 5


def filled(voice: np.ndarray) -> np.ndarray:
    """A voice (T,) without rests: each takes the note before it, a rest at the beginning the first
    note.
    """
    last = np.maximum.accumulate(np.where(voice >= 0, np.arange(len(voice)), -1))
    return voice[np.where(last < 0, np.flatnonzero(voice >= 0)[0], last)]


class Singer(nn.Module):
    """The model of pretrained.sing, which says what each part is for."""

    def __init__(self) -> None:
        super().__init__()
        widths = CHOICES.tolist()
        self.recurrent = nn.GRU(sum(widths) + 4 + KNOWN, MEMORY, batch_first=True)
        self.look = nn.ModuleList(
            nn.Linear(
                MEMORY + KNOWN + sum(widths[other] for other in ORDER[:rank]) + widths[voice], LOOK
            )
            for rank, voice in enumerate(ORDER)
        )
        self.choose = nn.ModuleList(nn.Linear(LOOK, widths[voice] + 1) for voice in ORDER)
        self.steps = nn.Parameter(torch.zeros(4, 25))
        self.spacing = nn.ParameterList(torch.zeros(rank, 61) for rank in (1, 2, 3))
        self.motion = nn.ParameterList(torch.zeros(rank, 4, 12, 12) for rank in (1, 2, 3))
        self.drop, self.deaf = nn.Dropout(DROP), nn.Dropout(DEAF)

    def forward(self, notes: Tensor, onsets: Tensor, known: Tensor) -> Tensor:
        """The NLL of each voice in nats: (B, T, 4) int64, (B, T, 4) bool,
        (B, T, 31) -> (B, T, 4) in ORDER.
        """
        pitches = [
            F.one_hot(notes[..., voice] - int(LOWEST[voice]), int(CHOICES[voice])).float()
            for voice in range(4)
        ]
        heard = torch.cat([*pitches, onsets.float()], dim=-1)
        heard = torch.cat([torch.zeros_like(heard[:, :1]), heard[:, :-1]], dim=1)
        memory = self.drop(self.recurrent(torch.cat([self.deaf(heard), known], dim=-1))[0])
        before = heard[..., :-4].split(CHOICES.tolist(), dim=-1)
        losses = []
        for rank, voice in enumerate(ORDER):
            seen = [memory, known, *(pitches[other] for other in ORDER[:rank]), before[voice]]
            logits = self.choose[rank](
                self.drop(torch.tanh(self.look[rank](torch.cat(seen, dim=-1))))
            )
            logits = logits + F.pad(self.counterpoint(rank, notes, known), (1, 0))
            token = torch.where(onsets[..., voice], notes[..., voice] - int(LOWEST[voice]) + 1, 0)
            losses.append(
                F.cross_entropy(logits.flatten(0, 1), token.flatten(), reduction="none").view(
                    token.shape
                )
            )
        return torch.stack(losses, dim=-1)

    def counterpoint(self, rank: int, notes: Tensor, known: Tensor) -> Tensor:
        """The tables of pretrained.counterpoint, (B, T, CHOICES); nothing at the first step, which
        follows nothing.
        """
        voice = ORDER[rank]
        pitches = int(LOWEST[voice]) + torch.arange(int(CHOICES[voice]))
        before = torch.cat([notes[:, :1], notes[:, :-1]], dim=1)
        weak = known[..., 1:8:2].sum(dim=-1).long()
        score = self.steps[voice][(pitches - before[..., [voice]]).clamp(-12, 12) + 12]
        for index, other in enumerate(ORDER[:rank]):
            apart = notes[..., [other]] - pitches
            was = (before[..., other] - before[..., voice]) % 12
            situation = (notes[..., other] != before[..., other]).long() + 2 * weak
            score = score + self.spacing[rank - 1][index][apart.clamp(-30, 30) + 30]
            score = (
                score
                + self.motion[rank - 1][index][situation[..., None], was[..., None], apart % 12]
            )
        return score * (torch.arange(notes.shape[1]) > 0)[:, None]


def batch_of(
    chosen: list[Song], first: list[int], length: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Windows padded to one length: notes, onsets, known, and (B, T) 1 where there is music. All
    begin by striking.
    """
    windows = [slice(start, start + length) for start in first]
    longest = max(len(song.notes[window]) for song, window in zip(chosen, windows, strict=True))
    columns = []
    for field in ("notes", "onsets", "known"):
        parts = [getattr(song, field)[window] for song, window in zip(chosen, windows, strict=True)]
        columns.append(
            torch.tensor(
                np.stack(
                    [
                        np.pad(part, ((0, longest - len(part)), (0, 0)), mode="edge")
                        for part in parts
                    ]
                )
            )
        )
    columns[1][:, 0] = True
    music = [
        np.arange(longest) < len(song.notes[window])
        for song, window in zip(chosen, windows, strict=True)
    ]
    notes, onsets, known = columns
    return notes, onsets, known, torch.tensor(np.stack(music)).float()


def loss_of(model: Singer, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """Nats per eighth, the four voices together."""
    *score, music = batch
    return (model(*score).sum(dim=-1) * music).sum() / music.sum()


def train(seed: int) -> tuple[Singer, float]:
    """The trained singer, and its nats per eighth on the tunes held out."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    learn, held_out = halves()
    model = Singer()
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=DECAY)
    steps = EPOCHS * -(-len(learn) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.15
    )
    for _ in range(EPOCHS):
        order = rng.permutation(len(learn))
        for chosen in np.split(order, range(BATCH, len(order), BATCH)):
            batch = [learn[index] for index in chosen]
            first = [int(rng.choice(song.starts)) for song in batch]
            optimizer.zero_grad()
            loss_of(model, batch_of(batch, first, WINDOW)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        return model, loss_of(model, batch_of(held_out, [0] * len(held_out), 10_000)).item()


def named_parameters(model: Singer) -> dict[str, nn.Parameter]:
    """The parameters under the names that pretrained.sing reads."""
    named: dict[str, Any] = {
        "input": model.recurrent.weight_ih_l0,
        "recurrent": model.recurrent.weight_hh_l0,
        "input_bias": model.recurrent.bias_ih_l0,
        "recurrent_bias": model.recurrent.bias_hh_l0,
        "steps": model.steps,
    }
    for rank in range(4):
        named |= {
            f"look{rank}": model.look[rank].weight,
            f"look{rank}_bias": model.look[rank].bias,
            f"choose{rank}": model.choose[rank].weight,
            f"choose{rank}_bias": model.choose[rank].bias,
        }
    for rank in (1, 2, 3):
        named |= {
            f"spacing{rank}": model.spacing[rank - 1],
            f"motion{rank}": model.motion[rank - 1],
        }
    return named


def arrays_of(model: Singer) -> dict[str, np.ndarray]:
    """The weights to ship, float16."""
    return {
        name: value.detach().numpy().astype(np.float16)
        for name, value in named_parameters(model).items()
    }
