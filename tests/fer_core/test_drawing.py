import numpy as np
import pytest
from PIL import ImageFont

from fer_core.drawing import FONT, annotate, face_label, percent
from fer_core.emotions import EMOTIONS, FER2013_LABELS
from fer_core.results import (
    BoundingBox,
    EmotionPrediction,
    FaceDetection,
    FaceResult,
    RecognitionResult,
)

BACKGROUND = (1, 2, 3)  # no emotion's color, and no mixture of one with black or white
RGB = {emotion.name: emotion.rgb for emotion in EMOTIONS}
each_answer = pytest.mark.parametrize("label", FER2013_LABELS)


def make_face(box=(60, 80, 140, 160), label="happy", confidence=0.97, abstention_threshold=0.3):
    rest = (1 - confidence) / 6
    probabilities = {name: confidence if name == label else rest for name in FER2013_LABELS}
    return FaceResult(
        FaceDetection(BoundingBox(*box), np.zeros((6, 2)), 0.9),
        np.zeros((48, 48), np.uint8),
        EmotionPrediction(probabilities, 0.0, abstention_threshold),
    )


def make_picture(width=200, height=240):
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def draw(*faces, width=200, height=240):
    result = RecognitionResult((width, height), faces, "net", "1")
    return annotate(make_picture(width, height), result)


def has_color(pixels, color):
    return (pixels == np.array(color, np.uint8)).all(axis=-1)


def ink(drawn, label="happy"):
    """Where the letters of a label are, smoothed edges included."""
    return ~has_color(drawn, BACKGROUND) & ~has_color(drawn, RGB[label])


class TestAnnotate:
    def test_the_picture_is_not_changed(self):
        picture = make_picture()
        annotate(picture, RecognitionResult((200, 240), (make_face(),), "net", "1"))
        np.testing.assert_array_equal(picture, make_picture())

    def test_a_read_only_picture_is_drawn_on(self):
        picture = make_picture()
        picture.flags.writeable = False
        drawn = annotate(picture, RecognitionResult((200, 240), (make_face(),), "net", "1"))
        assert (drawn != picture).any()

    def test_a_flipped_view_gives_what_its_copy_gives(self):
        picture = np.random.default_rng(0).integers(0, 256, (240, 200, 3), np.uint8)
        result = RecognitionResult((200, 240), (make_face(),), "net", "1")
        drawn = annotate(picture[:, ::-1], result)
        np.testing.assert_array_equal(drawn, annotate(picture[:, ::-1].copy(), result))

    def test_no_face_gives_an_equal_picture(self):
        np.testing.assert_array_equal(draw(), make_picture())

    def test_no_face_gives_a_copy(self):
        picture = make_picture()
        drawn = annotate(picture, RecognitionResult((200, 240), (), "net", "1"))
        assert not np.shares_memory(drawn, picture)

    @pytest.mark.parametrize("size", [(201, 240), (200, 239), (240, 200)])
    @pytest.mark.parametrize("faces", [(), (make_face(),)], ids=["no face", "a face"])
    def test_a_picture_of_another_size_is_rejected(self, size, faces):
        with pytest.raises(ValueError, match="200"):
            annotate(make_picture(), RecognitionResult(size, faces, "net", "1"))

    def test_it_gives_uint8_rgb_of_the_same_size(self):
        drawn = draw(make_face())
        assert (drawn.shape, drawn.dtype) == ((240, 200, 3), np.uint8)

    @each_answer
    @pytest.mark.parametrize(
        ("x", "y"),
        [(60, 120), (139, 120), (100, 80), (100, 159)],
        ids=["left", "right", "top", "bottom"],
    )
    def test_the_outermost_pixels_of_the_box_have_the_color(self, label, x, y):
        assert tuple(draw(make_face(label=label))[y, x]) == RGB[label]

    @pytest.mark.parametrize(
        ("x", "y"), [(59, 120), (140, 120), (100, 160)], ids=["left", "right", "bottom"]
    )
    def test_the_pixels_just_outside_the_box_stay(self, x, y):
        assert tuple(draw(make_face())[y, x]) == BACKGROUND

    def test_the_middle_of_the_face_stays_visible(self):
        drawn = draw(make_face())
        np.testing.assert_array_equal(drawn[110:140, 80:120], make_picture()[110:140, 80:120])

    def test_a_box_that_fills_the_picture_is_drawn(self):
        drawn = draw(make_face((0, 0, 200, 240)))
        assert tuple(drawn[239, 100]) == tuple(drawn[120, 199]) == RGB["happy"]

    def test_every_face_has_its_own_color(self):
        drawn = draw(make_face((10, 140, 90, 220), "sad"), make_face((120, 140, 180, 200), "fear"))
        assert tuple(drawn[219, 50]) == RGB["sad"]
        assert tuple(drawn[199, 150]) == RGB["fear"]

    def test_labels_are_numbered_where_there_are_several_faces(self):
        first, second = make_face((10, 140, 90, 220)), make_face((120, 140, 180, 200))
        with_number = ink(draw(first, second))[:, :110].sum()
        assert with_number > ink(draw(first))[:, :110].sum()


class TestLabelPlace:
    @pytest.mark.parametrize("x", [0, 60, 120])
    @pytest.mark.parametrize("y", [0, 1, 8, 14, 17, 80, 160])
    def test_a_label_is_wholly_visible_wherever_the_face_is(self, x, y):
        anywhere = ink(draw(make_face((60, 80, 140, 160)))).sum()
        assert ink(draw(make_face((x, y, x + 80, y + 80)))).sum() == anywhere

    @pytest.mark.parametrize("height", [1, 3, 8])
    @pytest.mark.parametrize("x", [0, 190])
    def test_a_label_is_wholly_visible_on_a_tiny_face_in_a_lower_corner(self, x, height):
        drawn = draw(make_face((x, 240 - height, x + 10, 240)))
        assert ink(drawn).sum() == ink(draw(make_face((60, 80, 70, 90)))).sum()

    @pytest.mark.parametrize("y", range(0, 24, 3))
    def test_a_label_is_wholly_visible_on_a_picture_hardly_higher_than_it(self, y):
        drawn = draw(make_face((20, y, 40, 24)), width=150, height=24)
        reference = draw(make_face((60, 80, 80, 90)))
        assert ink(drawn).sum() == ink(reference).sum()

    @pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 3), (3, 40), (40, 3), (16, 16)], ids=str)
    def test_a_picture_too_small_for_a_label_keeps_its_size(self, size):
        width, height = size
        drawn = draw(make_face((0, 0, width, height)), width=width, height=height)
        assert drawn.shape == (height, width, 3)

    @pytest.mark.parametrize("size", [(16, 16), (40, 40)], ids=str)
    def test_a_label_too_wide_for_the_picture_begins_at_its_left_edge(self, size):
        width, height = size
        box = (width // 2, 0, width, height)
        drawn = draw(make_face(box), width=width, height=height)
        whole = ink(draw(make_face((0, 0, width - width // 2, height))))
        np.testing.assert_array_equal(ink(drawn)[:, : width // 2], whole[:height, : width // 2])

    def test_the_label_of_the_largest_face_lies_on_top(self):
        large = make_face((40, 80, 160, 200))
        below = make_face((60, 68, 140, 90), "fear")
        elsewhere = draw(large, make_face((0, 220, 20, 240), "fear"))
        label = ~has_color(elsewhere[:80], BACKGROUND)
        assert label.any()
        np.testing.assert_array_equal(draw(large, below)[:80][label], elsewhere[:80][label])


class TestScale:
    """The picture of a result may be shown smaller or larger than it was read."""

    @pytest.mark.parametrize("scale", [0.25, 0.5, 2, 3.5])
    def test_boxes_follow_the_picture(self, scale):
        result = RecognitionResult((400, 480), (make_face((100, 200, 240, 400)),), "net", "1")
        drawn = annotate(make_picture(round(400 * scale), round(480 * scale)), result)
        middle = round(300 * scale)
        assert tuple(drawn[middle, round(100 * scale)]) == RGB["happy"]
        assert tuple(drawn[middle, round(240 * scale) - 1]) == RGB["happy"]
        assert tuple(drawn[middle, round(100 * scale) - 1]) == BACKGROUND

    def test_a_side_that_was_rounded_is_accepted(self):
        result = RecognitionResult((4000, 2999), (make_face((100, 200, 1400, 1500)),), "net", "1")
        assert annotate(make_picture(2048, 1535), result).shape == (1535, 2048, 3)

    @pytest.mark.parametrize("longest", [1000, 2048, 4000])
    def test_letters_grow_with_the_picture(self, longest):
        """It is shown as wide as the page, however many pixels it has."""
        small_face = make_face((400, 400, 430, 430))
        rows = ink(draw(small_face, width=longest, height=longest)).any(axis=1).sum()
        assert 0.5 / 36 < rows / longest < 3 / 36

    def test_on_a_small_face_among_others_the_number_stands_alone(self):
        crowd = [make_face((60 + 200 * at, 400, 90 + 200 * at, 430)) for at in range(4)]
        alone = ink(draw(crowd[0], width=1000, height=1000)).sum()
        among = ink(draw(*crowd, width=1000, height=1000)).sum()
        assert among < alone


class TestFaceLabel:
    def test_it_says_emotion_and_confidence(self):
        assert face_label(make_face()) == "Happy 97%"

    def test_it_ends_with_a_question_mark_where_it_is_not_sure(self):
        face = make_face(label="sad", confidence=0.41, abstention_threshold=0.5)
        assert face_label(face) == "Sad 41%?"

    @each_answer
    def test_it_names_every_emotion_by_its_title(self, label):
        assert face_label(make_face(label=label, confidence=0.8)) == f"{label.capitalize()} 80%"

    def test_it_can_be_told_another_name(self):
        assert face_label(make_face(), "Joie") == "Joie 97%"

    def test_it_never_claims_certainty(self):
        assert face_label(make_face(confidence=1.0)) == "Happy >99%"

    def test_what_stands_on_a_face_can_be_chosen(self):
        result = RecognitionResult((200, 240), (make_face(),), "net", "1")
        dots = annotate(make_picture(), result, lambda _: "...")
        assert ink(dots).sum() < ink(draw(make_face())).sum()

    def test_the_font_has_the_letters_of_french(self):
        font = ImageFont.truetype(FONT, 40)
        missing = font.getmask("\uffff")
        for letter in "éèêëàâçîïôöùûœÉ·":
            assert bytes(font.getmask(letter)) != bytes(missing), letter


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "<1%"),
        (0.0049, "<1%"),
        (0.006, "1%"),
        (0.123, "12%"),
        (0.5, "50%"),
        (0.994, "99%"),
        (0.996, ">99%"),
        (1.0, ">99%"),
    ],
)
def test_percent_says_neither_certain_nor_impossible(share, text):
    assert percent(share) == text


def relative_luminance(color):
    """WCAG 2.2, of `#rrggbb`."""
    channels = np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("emotion", EMOTIONS, ids=lambda emotion: emotion.name)
def test_the_text_of_an_emotion_stands_out_from_its_color(emotion):
    dark, light = sorted(map(relative_luminance, (emotion.color, emotion.text_color)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@each_answer
def test_a_label_is_written_in_the_text_color_of_its_emotion(label):
    text_color = next(emotion.text_color for emotion in EMOTIONS if emotion.name == label)
    # Letters so large that they have an inside without smoothed edges.
    drawn = draw(make_face((50, 100, 650, 700), label), width=700, height=700)
    assert has_color(drawn, tuple(bytes.fromhex(text_color[1:]))).sum() > 20
