"""Masters in the making: the frames of a restored chunk as the codes of one delivery, encoded while they pass by."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, cast

from pydantic import BaseModel, ConfigDict

from manifests.reel import Delivery, DisplayDelivery, Ffv1Delivery, Hdr10Delivery, SdrDelivery
from restorers.clip import Clip, Origin
from restorers.colorspace import Space
from restorers.mastering import Grade, light_levels
from restorers.profile import Profile
from restorers.synthesis import Tally
from tasks.lab import Lab
from tasks.media.decode import encoded_codes
from tasks.media.encode import Ffv1Spec, Hdr10Spec, OriginSpec, SdrSpec, SegmentWriter, Spec
from tasks.shot import Shot


class Facts(BaseModel):
    """What was counted while a segment was encoded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: int
    height: int
    """Of the pictures as delivered, in pixels."""
    width: int
    bit_depth: int = 8
    """Bits per channel of the codes."""
    digests: tuple[str, ...] = ()
    """Digest of each frame's codes as they went into the encoder, for the proof that the master decodes to them."""
    origins: Tally = Tally()
    """How many of the pixels bear each mark of origin."""
    synthetic: tuple[int, ...] = ()
    """Pixels of each frame that are not its own: borrowed, interpolated or generated."""
    max_cll: float = 0.0
    """Brightest pixel, cd/m2."""
    falls: tuple[float, ...] = ()
    """Mean light of each frame, cd/m2."""


class Master(Protocol):
    """One delivery's segment of a chunk: a block to write frames in, whose files are there once it has ended well."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> bool | None: ...

    def write(self, clip: Clip) -> None:
        """Encode restored frames, given in the space of the scan."""

    def files(self) -> dict[str, bytes | Path]:
        """The segment's files and facts by name."""


class OriginMap(ExitStack):
    """The synthesis map of a segment: counted always, written beside it where the delivery asks for it."""

    def __init__(self, delivery: Delivery, shot: Shot, size: tuple[int, int], lab: Lab) -> None:
        super().__init__()
        self.tallies = list[Tally]()
        self.written: SegmentWriter | None = None
        if delivery.origin:
            self.written = self.enter_context(SegmentWriter(lab.store.scratch(".mkv"), origin_spec(shot, size)))

    def write(self, clip: Clip) -> None:
        """Count, and encode, the marks of frames as delivered."""
        for origin in clip.origin.cpu():
            self.tallies.append(Tally.of(origin))
            if self.written:
                self.written.write(origin.numpy())

    def counted(self) -> tuple[Tally, tuple[int, ...]]:
        """The tally of the segment, and how many pixels of each frame are not its own."""
        foreign = (Origin.BORROWED, Origin.INTERPOLATED, Origin.GENERATED)
        return Tally.total(self.tallies), tuple(tally.count(*foreign) for tally in self.tallies)

    def files(self) -> dict[str, bytes | Path]:
        """`origin`, where it is written."""
        return {"origin": self.written.path} if self.written else {}


class Ffv1Master(ExitStack):
    """The restored master: the scan's own codes and space, lossless."""

    def __init__(
        self, delivery: Ffv1Delivery, shot: Shot, size: tuple[int, int], lab: Lab, *, profile: Profile
    ) -> None:
        super().__init__()
        self.size, self.profile = size, profile
        self.white = 2 ** master_depth(delivery, shot) - 1
        self.pictures = self.enter_context(SegmentWriter(lab.store.scratch(".mkv"), spec(delivery, shot, size)))
        self.origins = self.enter_context(OriginMap(delivery, shot, size, lab))

    def write(self, clip: Clip) -> None:
        """Encode restored frames, given in the space of the scan.

        Raises:
            RestorationError: a pixel of theirs is of an origin that the reel's profile forbids.
        """
        self.profile.check(clip)
        for frame in clip.frames:
            self.pictures.write(encoded_codes(frame[None], self.white)[0])
        self.origins.write(clip)

    def files(self) -> dict[str, bytes | Path]:
        """`segment`, `facts` and, where it is asked for, `origin`."""
        tally, synthetic = self.origins.counted()
        facts = Facts(
            frames=self.pictures.frames,
            height=self.size[0],
            width=self.size[1],
            bit_depth=self.white.bit_length(),
            digests=tuple(self.pictures.digests),
            origins=tally,
            synthetic=synthetic,
        )
        return {"segment": self.pictures.path, "facts": facts.model_dump_json().encode(), **self.origins.files()}


class DisplayMaster(ExitStack):
    """A graded copy for a display: Rec.709 or Rec.2100 PQ. In its synthesis map the grade is a tone like any other."""

    def __init__(
        self,
        delivery: DisplayDelivery,
        grade: Grade,
        shot: Shot,
        size: tuple[int, int],
        lab: Lab,
        *,
        profile: Profile,
    ) -> None:
        super().__init__()
        self.grade, self.bench, self.size, self.profile = grade, lab.bench, size, profile
        self.is_hdr = isinstance(delivery, Hdr10Delivery)
        self.pictures = self.enter_context(SegmentWriter(lab.store.scratch(".mkv"), spec(delivery, shot, size)))
        self.origins = self.enter_context(OriginMap(delivery, shot, size, lab))
        self.max_cll, self.falls = 0.0, list[float]()

    def write(self, clip: Clip) -> None:
        """Grade and encode restored frames, given in the space of the scan.

        Raises:
            RestorationError: a pixel of theirs is of an origin that the reel's profile forbids.
        """
        self.profile.check(clip)
        for number in clip.numbers:  # one by one: grading needs several times the memory of what it grades
            frame = clip.between(number, number + 1).in_space(Space.DENSITY)
            shown = self.grade.displayed(self.grade.apply(frame, self.bench))
            self.pictures.write(encoded_codes(shown.frames, 65535)[0])
            self.origins.write(shown.toned(shown.frames))
            if self.is_hdr:
                peak, falls = light_levels(shown.frames)
                self.max_cll = max(self.max_cll, peak)
                self.falls += falls

    def files(self) -> dict[str, bytes | Path]:
        """`segment`, `facts` and, where it is asked for, `origin`."""
        tally, synthetic = self.origins.counted()
        facts = Facts(
            frames=self.pictures.frames,
            height=self.size[0],
            width=self.size[1],
            origins=tally,
            synthetic=synthetic,
            max_cll=self.max_cll,
            falls=tuple(self.falls),
        )
        return {"segment": self.pictures.path, "facts": facts.model_dump_json().encode(), **self.origins.files()}


def master(
    delivery: Delivery, grade: Grade | None, shot: Shot, size: tuple[int, int], lab: Lab, *, profile: Profile
) -> Master:
    """A fresh segment of a delivery, held to a profile; display deliveries come with their grade."""
    if isinstance(delivery, Ffv1Delivery):
        return Ffv1Master(delivery, shot, size, lab, profile=profile)
    assert grade is not None, f"delivery {delivery.kind} is graded before it is rendered"
    return DisplayMaster(delivery, grade, shot, size, lab, profile=profile)


def master_depth(delivery: Ffv1Delivery, shot: Shot) -> Literal[8, 10, 12, 16]:
    """Bits per channel of the restored master.

    Raises:
        ValueError: the scan is in floating point and the manifest does not say how deep the master shall be.
    """
    if delivery.bit_depth is not None:
        return delivery.bit_depth
    if shot.scan.floating:
        raise ValueError(
            f"{shot.name}: the scan is in floating point, which FFV1 cannot hold without loss; "
            "write delivery: {kind: ffv1, bit_depth: 16} to accept 16-bit codes clipped to 0-1"
        )
    return cast("Literal[8, 10, 12, 16]", shot.scan.bit_depth)


def spec(delivery: Delivery, shot: Shot, size: tuple[int, int]) -> Spec:
    """How a delivery's pictures of a size (height, width) are encoded."""
    height, width = size
    fps = shot.scan.fps
    match delivery:
        case Ffv1Delivery():
            depth = master_depth(delivery, shot)
            return Ffv1Spec(height=height, width=width, fps=fps, bit_depth=depth, space=shot.scan.space)
        case SdrDelivery():
            return SdrSpec(height=height, width=width, fps=fps, crf=delivery.crf)
        case Hdr10Delivery():
            peak = delivery.mastering.peak_nits
            return Hdr10Spec(height=height, width=width, fps=fps, crf=delivery.crf, peak_nits=peak)


def origin_spec(shot: Shot, size: tuple[int, int]) -> Spec:
    """How the map of origins is encoded."""
    return OriginSpec(height=size[0], width=size[1], fps=shot.scan.fps)
