"""The page as a whole, without a browser."""

from pathlib import Path

import pytest

import app
from fer_core import EmotionRecognizer, ModelLoadError


def test_only_the_promised_endpoints_are_public(recognizer: EmotionRecognizer) -> None:
    demo = app.build_demo(recognizer)
    named = {"/predict", "/annotate", "/predict_batch", "/predict_video"}
    assert set(demo.get_api_info()["named_endpoints"]) == named


def test_the_gallery_needs_no_copies_that_a_sweep_would_take(
    recognizer: EmotionRecognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    config = str(app.build_demo(recognizer).get_config_file())
    assert "happy_f_asian_01.jpg" in config
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_building_the_page_leaves_no_file_beside_the_app(recognizer: EmotionRecognizer) -> None:
    app.build_demo(recognizer)
    assert not Path(app.__file__).with_suffix(".pyi").exists()


def test_without_its_model_the_app_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> EmotionRecognizer:
        raise ModelLoadError("emotion.tflite is missing; clone the repository again.")

    monkeypatch.setattr(EmotionRecognizer, "load", load)
    monkeypatch.setattr(app.copies, "set_up", lambda: None)
    with pytest.raises(SystemExit, match=r"^error: emotion.tflite is missing; clone"):
        app.main()
