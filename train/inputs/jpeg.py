"""Compress one image as JPEG."""

import cv2
import numpy as np

from fer_core.preprocessing import UInt8Array


def jpeg(image: UInt8Array, quality: int) -> UInt8Array:
    """Compress and decode an image as JPEG.

    Args:
        image: (H, W) grey or (H, W, 3) RGB uint8.
        quality: 0..100.
    """
    swapped = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"an image of {image.shape} cannot be compressed as JPEG")
    decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert decoded is not None  # it was encoded a moment ago
    if image.ndim == 3:
        decoded = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    return np.asarray(decoded, dtype=np.uint8)
