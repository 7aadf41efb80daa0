"""Where a study's sounds come from: systems, prompts, and the clips with known answers. Paths are beside the file."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from undertone.engine import Sampling
from undertone.engine.config import Config
from undertone.studies.design.scales import Slug, Value

Preset = Literal["faithful", "balanced", "lively", "published"]


class BundleSource(Config):
    """A model: it continues every prompt."""

    kind: Literal["bundle"] = "bundle"
    bundle: str  # folder or Hub id
    sampling: Sampling | Preset = "published"
    seed: Annotated[int, Field(ge=0, le=2**53)] | None = (
        None  # of the first prompt; prompt i has seed + i; None: the study's
    )


class FolderSource(Config):
    """Finished recordings: one sound file per prompt, named as the prompt."""

    kind: Literal["folder"] = "folder"
    folder: Path
    partial: bool = False  # prompts without a file are left out for this system; False: they stop the build


class RecordingSource(Config):
    """The prompt's own recording, which goes on where the prompt ends: the ground truth."""

    kind: Literal["recording"] = "recording"


class DegradedSource(Config):
    """Another system made worse in a known way: the low anchor."""

    kind: Literal["degraded"] = "degraded"
    of: str  # name of a system of this study
    lowpass_hz: Annotated[float, Field(ge=20.0, le=48_000.0)] = 1500.0
    noise_snr_db: Annotated[float, Field(ge=-60.0, le=150.0)] | None = 10.0  # of white noise; None adds none


class SystemDesign(Config):
    """What is judged; raters never see its name."""

    name: Slug
    role: Literal["system", "ground_truth", "low_anchor"] = "system"
    source: Annotated[BundleSource | FolderSource | RecordingSource | DegradedSource, Field(discriminator="kind")]


class PromptItem(Config):
    """One prompt by hand."""

    name: Slug
    audio: Path
    start_seconds: Annotated[float, Field(ge=0.0, le=24 * 3600.0)] = 0.0


class Prompts(Config):
    """The beginnings that every system goes on from."""

    folder: Path | None = None  # every sound file in it, or `count` of them drawn by the study's seed
    count: Annotated[int, Field(ge=1, le=100_000)] | None = None
    items: tuple[PromptItem, ...] = ()
    prompt_seconds: Annotated[float, Field(gt=0.0, le=600.0)] = 3.0  # paper: 3 s prompts
    continuation_seconds: Annotated[float, Field(gt=0.0, le=600.0)] = 10.0  # paper: 10 s continuations


class KnownAnswer(Config):
    """What counts as right on one scale."""

    value: Value
    tolerance: Annotated[float, Field(ge=0.0, le=2e6)] = 0.0


class KnownClip(Config):
    """A finished clip whose right answer is known.

    Give `audio`, or `system` and `prompt` to use one of the study's own stimuli.
    """

    audio: Path | None = None
    system: str | None = None
    prompt: str | None = None
    expected: dict[str, KnownAnswer] = Field(default_factory=dict)  # by scale; training items may have none


class KnownItem(KnownClip):
    """A gold or training item of a study that rates clips by themselves."""

    feedback: str = ""  # training: shown after the answer


class KnownSet(Config):
    """A gold or training item of a study whose trials have several clips: the clips of one trial."""

    clips: Annotated[tuple[KnownClip, ...], Field(min_length=2)]
    feedback: str = ""  # training: shown after the answers


def _form_of(item: Any) -> str:
    """Return which of the two a known item is meant to be, so that an error names the keys of that one only."""
    return "set" if isinstance(item, KnownSet) or (isinstance(item, dict) and "clips" in item) else "clip"


Known = Annotated[
    Annotated[KnownItem, Tag("clip")] | Annotated[KnownSet, Tag("set")],
    Discriminator(_form_of),
]


class Trap(Config):
    """A clip that says which answer to give. There is no speech synthesis here that can say it: supply the sound.

    Give `audio`, a finished trap; or `instruction`, a recording of the sentence ("please select two"): the build puts
    it behind the beginning of one of the study's own clips, and the trap is as long as its neighbours. Where trials
    have several clips, the sentence speaks of the clip in which it is heard ("please choose this clip as the best"),
    and the trial's other clips are other systems' of the same prompt.
    """

    audio: Path | None = None
    instruction: Path | None = None
    after_seconds: Annotated[float, Field(ge=0.0, le=600.0)] = 2.0  # of the study's clip before the instruction
    expected: Annotated[dict[str, KnownAnswer], Field(min_length=1)]  # of this clip, by scale


class Preparation(Config):
    """What is done to every sound alike."""

    heard: Literal["whole", "continuation"] = "whole"  # with or without the prompt
    loudness_lufs: Annotated[float, Field(ge=-40.0, le=-10.0)] = -23.0  # EBU R128, as everywhere here
    true_peak_dbtp: Annotated[float, Field(ge=-20.0, le=0.0)] = -1.0  # ceiling; EBU R128's production limit
    on_peak: Literal["refuse", "lower_all"] = "lower_all"  # a clip that would pass the ceiling at the study's loudness
    equal_length: bool = True  # all systems of a prompt are cut to the shortest of them
    min_seconds: Annotated[float, Field(gt=0.0, le=600.0)] = 2.0  # a clip cut shorter than this stops the build
    fade_seconds: Annotated[float, Field(ge=0.0, le=60.0)] = 0.01  # at both ends
    pause_seconds: Annotated[float, Field(ge=0.0, le=60.0)] = 0.8  # A/B: between the two versions
    format: Literal["flac", "wav"] = "flac"
