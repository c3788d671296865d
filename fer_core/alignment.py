"""Aligns and crops a face: keypoints -> similarity transform -> crop."""

import numpy as np
from numpy.typing import NDArray

from fer_core.geometry import Transform, cut_square, fit_similarity
from fer_core.preprocessing import INTERPOLATIONS, PreprocessingSpec
from fer_core.results import FaceDetection


def face_transform(face: FaceDetection, spec: PreprocessingSpec) -> Transform:
    """Fit the similarity transform from image to crop to the six keypoints, by least squares.

    The eyes alone would give a turned head too large a scale, because their distance shrinks.

    Args:
        face: in pixels of the image.
        spec: gives crop size and the keypoints' positions in it.

    Returns:
        (2, 3) float64: continuous image coordinates (x, y, 1) -> crop coordinates, in pixels.
    """
    return fit_similarity(face.keypoints, np.array(spec.keypoints) * spec.crop_size)


def align_face(
    image: NDArray[np.uint8], face: FaceDetection, spec: PreprocessingSpec
) -> tuple[NDArray[np.uint8], Transform]:
    """Crop one face from the full-resolution image, upright, in one geometric transform.

    The face is downsampled by area to the crop's scale before the warp. Warping from a larger
    source would give sharper crops than the training faces are: on 744 press photographs the mean
    recall was .684 from 1 times the scale, .683 from 1.5 and .671 from 2.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: in pixels of `image`.
        spec: gives crop size, geometry and interpolation.

    Returns:
        The (crop_size, crop_size, 3) uint8 RGB crop, and the (2, 3) float64 transform of
        `face_transform`.
    """
    transform = face_transform(face, spec)
    crop = cut_square(image, transform, spec.crop_size, INTERPOLATIONS[spec.interpolation])
    return crop, transform
