"""Where each phone of a clip begins and ends, from the peaks that CTC leaves. T frames, P phones and the blank."""

from dataclasses import dataclass

import numpy as np

SILENCE = 0  # shares the number of CTC's blank, which is no symbol of its own here
MIN_SILENCE_FRAMES = 5  # 0.1 s: a plosive's closure is shorter
QUIET_SHARE = 0.25  # of the way from the clip's floor to its loudest frames, both in log energy


@dataclass(frozen=True)
class Peak:
    """The frames [start, end) in which CTC emits a symbol."""

    symbol: int
    start: int
    end: int
    first: bool  # of its word


@dataclass(frozen=True)
class PhoneSegments:
    """Symbols that tile a clip: segment i covers the frames from the end of the one before to its own end."""

    symbols: list[int]  # SILENCE, a phone's class from 1 on, or P + 1 for a word that no dictionary holds
    ends: list[int]
    firsts: list[bool]  # whether a word begins here

    @property
    def starts(self) -> list[int]:
        """Return the first frame of every segment."""
        return [0, *self.ends[:-1]]


def quiet_frames(log_mel: np.ndarray) -> np.ndarray:
    """Return bool [T], True where the energy is near the clip's floor; log_mel [T, M] is natural log of magnitudes."""
    level = np.log(np.exp(log_mel.astype(np.float64)).mean(1))
    floor, loud = np.quantile(level, [0.03, 0.95])
    return np.asarray(level < floor + QUIET_SHARE * (loud - floor))


def segment_peaks(peaks: list[Peak], log_probs: np.ndarray, quiet: np.ndarray) -> PhoneSegments:
    """Return segments that tile a clip, made from the peaks of CTC.

    Frames between two peaks go to the phone that the posteriors without the blank favour, cut once where the sum is
    greatest. Between words a quiet interval of MIN_SILENCE_FRAMES becomes silence, and the frames on either side of it
    belong to the phone there; inside a word a quiet interval is a closure and stays with its phones.

    Args:
        peaks: in order, none of them empty.
        log_probs: of blank and phones [T, P + 1].
        quiet: bool [T].
    """
    log_posteriors = phone_log_posteriors(log_probs)
    found = PhoneSegments([], [], [])

    def close(symbol: int, end: int, first: bool) -> None:
        if end > (found.ends[-1] if found.ends else 0):
            found.symbols.append(symbol)
            found.ends.append(end)
            found.firsts.append(first)

    silence = longest_pause(quiet, 0, peaks[0].start)
    if silence:
        close(SILENCE, silence[1], False)
    for peak, following in zip(peaks, [*peaks[1:], None], strict=True):
        gap_end = following.start if following else len(quiet)
        silence = longest_pause(quiet, peak.end, gap_end) if following is None or following.first else None
        if silence:
            close(peak.symbol, silence[0], peak.first)
            close(SILENCE, silence[1] if following else len(quiet), False)
        elif following:
            close(peak.symbol, best_cut(log_posteriors, peak, following), peak.first)
        else:
            close(peak.symbol, len(quiet), peak.first)
    return found


def phone_log_posteriors(log_probs: np.ndarray) -> np.ndarray:
    """Return log posteriors without the blank, renormalised [T, P + 1]; the last column, unknown words, is uniform."""
    phones = log_probs[:, 1:].astype(np.float64)
    phones = phones - np.logaddexp.reduce(phones, axis=1, keepdims=True)
    unknown = np.full((len(phones), 1), -np.log(phones.shape[1]))
    return np.concatenate([phones, unknown], axis=1)


def best_cut(log_posteriors: np.ndarray, before: Peak, after: Peak) -> int:
    """Return the frame between two peaks at which the second begins."""
    gap = log_posteriors[before.end : after.start]
    gain = np.concatenate([[0.0], np.cumsum(gap[:, before.symbol - 1] - gap[:, after.symbol - 1])])
    best = np.flatnonzero(gain == gain.max())
    return before.end + int(best[len(best) // 2])  # the middle where all cuts are alike


def longest_pause(quiet: np.ndarray, start: int, end: int) -> tuple[int, int] | None:
    """Return the longest quiet interval within [start, end), None where it is too short to be a pause."""
    boundaries = np.flatnonzero(np.diff(np.concatenate([[0], quiet[start:end].astype(np.int8), [0]])))
    if not len(boundaries):
        return None
    begins, stops = boundaries[::2], boundaries[1::2]
    longest = int((stops - begins).argmax())
    if stops[longest] - begins[longest] < MIN_SILENCE_FRAMES:
        return None
    return start + int(begins[longest]), start + int(stops[longest])
