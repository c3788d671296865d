"""Answers that do not flicker: each face's probabilities and box, averaged over the last frames."""

from dataclasses import replace

from fer_core import BoundingBox, EmotionPrediction, FaceResult, RecognitionResult

NEW_SHARE = 0.35
"""Weight of the newest frame in the exponential moving average; the rest is what was before."""
NEW_BOX_SHARE = 0.6
SAME_FACE = 0.3  # overlap, intersection over union, of a face between two frames


def smooth(result: RecognitionResult, before: RecognitionResult | None) -> RecognitionResult:
    """The answer for a frame, joined with the smoothed answer for the frame before.

    A face that was not there before is answered as it is, one that is gone is gone.

    Args:
        result: of this frame.
        before: what this function gave for the frame before; None for the first.
    """
    if before is None or before.image_size != result.image_size:
        return result
    left = list(before.faces)
    faces = []
    for face in result.faces:
        overlaps = [overlap(face.detection.box, old.detection.box) for old in left]
        best = max(range(len(left)), key=overlaps.__getitem__, default=None)
        if best is None or overlaps[best] < SAME_FACE:
            faces.append(face)
        else:
            faces.append(_join(face, left.pop(best)))
    faces.sort(key=lambda face: -face.detection.box.area)
    return replace(result, faces=tuple(faces))


def overlap(one: BoundingBox, other: BoundingBox) -> float:
    """Intersection over union, 0..1."""
    width = min(one.x_max, other.x_max) - max(one.x_min, other.x_min)
    height = min(one.y_max, other.y_max) - max(one.y_min, other.y_min)
    shared = max(width, 0) * max(height, 0)
    return shared / (one.area + other.area - shared)


def _join(new: FaceResult, old: FaceResult) -> FaceResult:
    was, now = old.emotion, new.emotion
    emotion = EmotionPrediction(
        {
            name: NEW_SHARE * share + (1 - NEW_SHARE) * was.probabilities[name]
            for name, share in now.probabilities.items()
        },
        NEW_SHARE * now.contempt + (1 - NEW_SHARE) * was.contempt,
        now.abstention_threshold,
    )
    box, before = new.detection.box.to_dict(), old.detection.box.to_dict()
    moved = {
        edge: round(NEW_BOX_SHARE * value + (1 - NEW_BOX_SHARE) * before[edge])
        for edge, value in box.items()
    }
    detection = replace(new.detection, box=BoundingBox(**moved))
    return replace(new, detection=detection, emotion=emotion)
