"""Why an answer: what the model saw in a face, as pictures for the page."""

from contextlib import suppress

from fer_core.explanation import draw_evidence, enlarge, evidence_for, evidence_maps, filter_views
from fer_core.model import EmotionModel
from fer_core.results import FaceResult
from page.pictures import as_url

SIZE = 192  # pixels of a face


def explain(model: EmotionModel, face: FaceResult) -> dict[str, str]:
    """Draw what the model saw, where it saw signs of its answer, and a predecessor's filters.

    Returns:
        A picture as URL by key: `seen`; `evidence`, where the network is one that has such maps;
        and the names of `filter_views` but `original`.
    """
    views = {"seen": enlarge(face.aligned, SIZE)}
    with suppress(ValueError):  # a network of another kind
        maps = evidence_maps(model, face.aligned)
        evidence = evidence_for(maps, face.emotion.probabilities, face.emotion.label)
        views["evidence"] = draw_evidence(face.aligned, evidence, SIZE)
    filtered = filter_views(face.aligned)
    del filtered["original"]
    views |= {name: enlarge(view, SIZE) for name, view in filtered.items()}
    return {name: as_url(view, ".png") for name, view in views.items()}
