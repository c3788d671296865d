"""The two plots of calibrated confidence: reliability, and risk over coverage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import risk_coverage
from train.reporting.markdown import Plot, number


def draw_calibration(
    folder: Path,
    title: str,
    values: Mapping[str, Any],
    confidence: NDArray[np.floating],
    right: NDArray[np.bool_],
) -> list[Plot]:
    """Draw reliability.png and risk_coverage.png.

    Args:
        folder: where to, which exists.
        title: of the images, before the metric's name.
        values: the metrics: `ece`; `reliability`, the bins of the diagram; `answered`, the share
            of predictions that are not "not sure", and `accuracy_answered`, theirs.
        confidence: (N,) of the predictions, 0..1.
        right: (N,) whether they are right.
    """
    from train.reporting import plots

    return [
        Plot(
            "Reliability",
            "Accuracy over confidence of the predictions, in bins; dots and bars show the share "
            "of images in each bin.",
            plots.reliability_diagram(
                values["reliability"],
                folder / "reliability.png",
                f"{title}: expected calibration error {number(values['ece'])}",
            ),
        ),
        Plot(
            "Risk and coverage",
            "Share of wrong predictions among the most confident ones (Geifman and El-Yaniv 2017).",
            plots.risk_coverage(
                risk_coverage(confidence, right),
                values["answered"],
                values["accuracy_answered"],
                folder / "risk_coverage.png",
                f"{title}: risk and coverage",
            ),
        ),
    ]
