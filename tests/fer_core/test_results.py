import dataclasses
import json
import pickle

import numpy as np
import pytest

from fer_core.results import (
    KEYPOINT_NAMES,
    QUALITY_REASONS,
    BoundingBox,
    EmotionPrediction,
    FaceDetection,
    FaceQuality,
    FaceResult,
    RecognitionResult,
)

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
MOSTLY_HAPPY = (0.01, 0.02, 0.03, 0.6, 0.2, 0.04, 0.1)


def make_prediction(values=MOSTLY_HAPPY, contempt=0.05, abstention_threshold=0.5, *, reliable=True):
    probabilities = dict(zip(LABELS, values, strict=True))
    return EmotionPrediction(probabilities, contempt, abstention_threshold, reliable)


def make_face(box=(10, 20, 40, 60), score=0.9, reasons=()):
    return FaceResult(
        FaceDetection(BoundingBox(*box), np.zeros((6, 2)), score),
        np.zeros((48, 48), np.uint8),
        make_prediction(reliable=not reasons),
        FaceQuality(reasons),
    )


def make_result(*boxes, image_size=(100, 80)):
    return RecognitionResult(image_size, tuple(make_face(box) for box in boxes), "net", "1.2")


class TestBoundingBox:
    def test_measures_are_those_of_a_half_open_box(self):
        box = BoundingBox(2, 3, 7, 5)
        assert (box.width, box.height, box.area) == (5, 2, 10)

    def test_a_box_of_one_pixel_is_allowed(self):
        assert BoundingBox(0, 0, 1, 1).area == 1

    @pytest.mark.parametrize(
        "edges",
        [(-1, 0, 5, 5), (0, -1, 5, 5), (5, 0, 5, 5), (0, 5, 5, 5), (6, 0, 5, 5), (0, 6, 5, 5)],
    )
    def test_a_box_that_is_empty_or_begins_outside_is_rejected(self, edges):
        with pytest.raises(ValueError, match="box"):
            BoundingBox(*edges)

    def test_to_dict_names_the_four_edges(self):
        expected = {"x_min": 1, "y_min": 2, "x_max": 3, "y_max": 4}
        assert BoundingBox(1, 2, 3, 4).to_dict() == expected

    def test_a_box_cannot_be_changed(self):
        box = BoundingBox(1, 2, 3, 4)
        with pytest.raises(dataclasses.FrozenInstanceError):
            box.x_min = 0


class TestFaceDetection:
    def test_the_keypoints_are_named_in_order(self):
        expected = ("right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear", "left_ear")
        assert expected == KEYPOINT_NAMES

    @pytest.mark.parametrize("shape", [(5, 2), (6, 3), (12,), (2, 6), (1, 6, 2), (0, 2)])
    def test_keypoints_of_another_shape_are_rejected(self, shape):
        with pytest.raises(ValueError, match="keypoints"):
            FaceDetection(BoundingBox(0, 0, 9, 9), np.zeros(shape), 0.9)

    @pytest.mark.parametrize("score", [-0.01, 1.01, float("nan"), float("inf")])
    def test_a_score_outside_0_to_1_is_rejected(self, score):
        with pytest.raises(ValueError, match="score"):
            FaceDetection(BoundingBox(0, 0, 9, 9), np.zeros((6, 2)), score)

    @pytest.mark.parametrize("score", [0.0, 1.0])
    def test_a_score_at_either_limit_is_allowed(self, score):
        assert FaceDetection(BoundingBox(0, 0, 9, 9), np.zeros((6, 2)), score).score == score

    def test_keypoints_may_lie_outside_the_picture(self):
        keypoints = np.full((6, 2), -30.0)
        face = FaceDetection(BoundingBox(0, 0, 9, 9), keypoints, 0.9)
        np.testing.assert_array_equal(face.keypoints, keypoints)

    def test_a_detection_is_frontal_unless_told(self):
        assert FaceDetection(BoundingBox(0, 0, 9, 9), np.zeros((6, 2)), 0.9).turn == 0.0


class TestFaceQuality:
    def test_the_reasons_are_named_in_order(self):
        expected = "cut off, turned away, too small, blurred, covered, distorted, drawn"
        assert expected.split(", ") == list(QUALITY_REASONS)

    def test_a_face_without_reasons_is_reliable(self):
        assert FaceQuality().reliable is True

    @pytest.mark.parametrize("reason", QUALITY_REASONS)
    def test_a_face_with_any_reason_is_not_reliable(self, reason):
        assert FaceQuality((reason,)).reliable is False

    @pytest.mark.parametrize(
        "reasons",
        [("ugly",), ("Blurred",), ("blurred", "cut off"), ("blurred", "blurred"), ["blurred"]],
        ids=["unknown", "capitalized", "another order", "twice", "a list"],
    )
    def test_other_reasons_or_another_order_are_rejected(self, reasons):
        with pytest.raises(ValueError, match="reasons"):
            FaceQuality(reasons)

    def test_to_dict_is_the_quality_of_the_schema(self):
        assert FaceQuality(("cut off", "blurred")).to_dict() == {
            "reliable": False,
            "reasons": ["cut off", "blurred"],
        }

    def test_to_dict_of_a_reliable_face_has_an_empty_list(self):
        assert FaceQuality().to_dict() == {"reliable": True, "reasons": []}


class TestEmotionPrediction:
    def test_label_and_confidence_are_those_of_the_largest_probability(self):
        prediction = make_prediction()
        assert (prediction.label, prediction.confidence) == ("happy", 0.6)

    def test_of_equal_probabilities_the_earlier_emotion_is_the_label(self):
        assert make_prediction((0.0, 0.0, 0.5, 0.0, 0.0, 0.5, 0.0)).label == "fear"

    @pytest.mark.parametrize(
        ("threshold", "uncertain"), [(0.59, False), (0.6, False), (0.61, True)]
    )
    def test_a_prediction_is_uncertain_only_below_the_threshold(self, threshold, uncertain):
        assert make_prediction(abstention_threshold=threshold).is_uncertain is uncertain

    def test_a_prediction_about_an_unreliable_face_is_uncertain_however_confident(self):
        assert make_prediction(abstention_threshold=0.0, reliable=False).is_uncertain

    def test_an_unreliable_face_is_uncertain_in_the_schema(self):
        answer = make_prediction(abstention_threshold=0.0, reliable=False).to_dict()
        assert answer["uncertain"] is True

    def test_happy_sad_is_renormalized_to_the_two(self):
        assert make_prediction().happy_sad == pytest.approx({"happy": 0.75, "sad": 0.25})

    def test_happy_sad_is_one_half_each_where_both_are_zero(self):
        prediction = make_prediction((0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5))
        assert prediction.happy_sad == {"happy": 0.5, "sad": 0.5}

    def test_answers_can_be_pickled_and_written_as_json(self):
        prediction = make_prediction()
        assert pickle.loads(pickle.dumps(prediction)) == prediction
        assert json.loads(json.dumps(prediction.probabilities)) == prediction.probabilities

    def test_a_later_change_of_the_given_mapping_does_not_reach_the_prediction(self):
        given = dict(zip(LABELS, MOSTLY_HAPPY, strict=True))
        prediction = EmotionPrediction(given, 0.0, 0.5)
        given["happy"] = 0.0
        assert prediction.probabilities["happy"] == 0.6

    @pytest.mark.parametrize(
        "names",
        [
            LABELS[:6],
            (*LABELS, "contempt"),
            ("neutral", *LABELS[:6]),
            tuple(sorted(LABELS)),
            (*LABELS[:6], "Neutral"),
        ],
        ids=["one missing", "eight", "order of FER+", "alphabetical", "capitalized"],
    )
    def test_other_keys_or_another_order_are_rejected(self, names):
        with pytest.raises(ValueError, match="keys"):
            EmotionPrediction(dict.fromkeys(names, 1 / len(names)), 0.0, 0.5)

    @pytest.mark.parametrize(
        "values",
        [
            (0.2, 0, 0, 0.6, 0, 0, 0),
            (0.2, 0, 0, 0.9, 0, 0, 0),
            (-0.2, 0, 0, 1.2, 0, 0, 0),
            (float("nan"), 0, 0, 1, 0, 0, 0),
            (0, 0, 0, 0, 0, 0, 0),
        ],
        ids=["below 1", "above 1", "negative", "nan", "all zero"],
    )
    def test_values_that_are_no_distribution_are_rejected(self, values):
        with pytest.raises(ValueError, match="sum"):
            make_prediction(values)

    @pytest.mark.parametrize("contempt", [-0.01, 1.01, float("nan")])
    def test_contempt_outside_0_to_1_is_rejected(self, contempt):
        with pytest.raises(ValueError, match="contempt"):
            make_prediction(contempt=contempt)

    def test_to_dict_is_the_emotion_of_the_schema(self):
        assert make_prediction().to_dict() == {
            "label": "happy",
            "confidence": 0.6,
            "uncertain": False,
            "probabilities": dict(zip(LABELS, MOSTLY_HAPPY, strict=True)),
            "contempt": 0.05,
            "happy_sad": {"happy": 0.75, "sad": 0.25},
        }

    def test_to_dict_keeps_the_order_of_the_schema(self):
        assert list(make_prediction().to_dict()) == [
            "label",
            "confidence",
            "uncertain",
            "probabilities",
            "contempt",
            "happy_sad",
        ]

    def test_to_dict_keeps_the_order_of_the_emotions(self):
        assert tuple(make_prediction().to_dict()["probabilities"]) == LABELS


class TestFaceResult:
    @pytest.mark.parametrize(
        "aligned",
        [
            np.zeros((48, 48, 3), np.uint8),
            np.zeros((48, 48, 1), np.uint8),
            np.zeros(48, np.uint8),
            np.zeros((48, 48), np.float32),
            np.zeros((48, 48), np.int64),
        ],
        ids=lambda array: f"{array.shape} {array.dtype}",
    )
    def test_a_crop_that_is_not_grey_uint8_is_rejected(self, aligned):
        face = make_face()
        with pytest.raises(ValueError, match="aligned"):
            FaceResult(face.detection, aligned, face.emotion)

    @pytest.mark.parametrize(
        ("reliable", "reasons"), [(True, ("blurred",)), (False, ())], ids=["emotion", "quality"]
    )
    def test_an_emotion_and_a_quality_that_contradict_each_other_are_rejected(
        self, reliable, reasons
    ):
        face, emotion = make_face(), make_prediction(reliable=reliable)
        with pytest.raises(ValueError, match="reliable"):
            FaceResult(face.detection, face.aligned, emotion, FaceQuality(reasons))

    def test_an_unreliable_face_is_uncertain_and_says_why_in_the_schema(self):
        answer = make_face(reasons=("too small",)).to_dict()
        assert answer["quality"] == {"reliable": False, "reasons": ["too small"]}
        assert answer["emotion"]["uncertain"] is True

    def test_to_dict_is_one_face_of_the_schema(self):
        face = make_face((1, 2, 3, 4), score=0.94)
        assert face.to_dict() == {
            "box": {"x_min": 1, "y_min": 2, "x_max": 3, "y_max": 4},
            "score": 0.94,
            "quality": face.quality.to_dict(),
            "emotion": face.emotion.to_dict(),
        }

    def test_to_dict_keeps_the_order_of_the_schema(self):
        assert list(make_face().to_dict()) == ["box", "score", "quality", "emotion"]


class TestRecognitionResult:
    def test_a_picture_without_faces_is_an_answer(self):
        assert make_result().faces == ()

    @pytest.mark.parametrize("box", [(0, 0, 101, 80), (0, 0, 100, 81)])
    def test_a_box_beyond_the_picture_is_rejected(self, box):
        with pytest.raises(ValueError, match="within the image"):
            make_result(box)

    def test_a_box_that_fills_the_picture_is_allowed(self):
        assert len(make_result((0, 0, 100, 80)).faces) == 1

    def test_faces_out_of_order_are_rejected(self):
        with pytest.raises(ValueError, match="largest first"):
            make_result((0, 0, 10, 10), (0, 0, 20, 20))

    def test_faces_of_equal_size_may_come_in_any_order(self):
        assert len(make_result((50, 50, 60, 60), (0, 0, 10, 10)).faces) == 2

    def test_to_dict_is_schema_version_1(self):
        result = make_result((0, 0, 20, 20), (30, 30, 40, 40), image_size=(640, 480))
        assert result.to_dict() == {
            "version": 1,
            "image": {"width": 640, "height": 480},
            "faces": [face.to_dict() for face in result.faces],
            "model": {"name": "net", "version": "1.2"},
        }

    def test_to_dict_keeps_the_order_of_the_schema(self):
        assert list(make_result().to_dict()) == ["version", "image", "faces", "model"]

    def test_to_dict_of_no_face_has_an_empty_list(self):
        assert make_result().to_dict()["faces"] == []

    def test_to_dict_survives_json(self):
        answer = make_result((0, 0, 20, 20)).to_dict()
        assert json.loads(json.dumps(answer, allow_nan=False)) == answer
