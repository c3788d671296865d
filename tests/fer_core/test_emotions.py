import dataclasses
import re

import pytest

from fer_core import emotions
from fer_core.emotions import BY_NAME, EMOTIONS, FER2013_LABELS, FERPLUS_LABELS, Emotion

each_emotion = pytest.mark.parametrize("emotion", EMOTIONS, ids=lambda emotion: emotion.name)


def test_the_seven_labels_are_in_the_order_of_fer2013():
    expected = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert expected == FER2013_LABELS


def test_the_eight_labels_are_the_seven_and_then_contempt():
    assert (*FER2013_LABELS, "contempt") == FERPLUS_LABELS


def test_emotions_come_in_index_order():
    assert tuple(emotion.name for emotion in EMOTIONS) == FERPLUS_LABELS


@pytest.mark.parametrize(
    ("index", "name"),
    [(emotions.HAPPY, "happy"), (emotions.SAD, "sad"), (emotions.CONTEMPT, "contempt")],
)
def test_a_named_index_points_at_its_label(index, name):
    assert FERPLUS_LABELS[index] == name


def test_every_emotion_is_found_by_its_name():
    assert {emotion.name: emotion for emotion in EMOTIONS} == BY_NAME


@each_emotion
def test_a_color_is_written_as_six_lower_case_hexadecimal_digits(emotion):
    assert re.fullmatch("#[0-9a-f]{6}", emotion.color)


@each_emotion
def test_a_title_is_the_capitalized_name(emotion):
    assert emotion.title == emotion.name.capitalize()


@each_emotion
def test_an_emoji_is_one_pictograph(emotion):
    assert len(emotion.emoji) == 1
    assert ord(emotion.emoji) >= 0x1F000


@pytest.mark.parametrize("attribute", ["name", "title", "emoji", "color"])
def test_no_two_emotions_look_alike(attribute):
    assert len({getattr(emotion, attribute) for emotion in EMOTIONS}) == len(EMOTIONS)


def test_rgb_gives_red_first():
    assert Emotion("x", "X", "😀", "#0180ff").rgb == (1, 128, 255)


@pytest.mark.parametrize(
    ("background", "text"),
    [
        ("#ffffff", "#000000"),
        ("#ffff00", "#000000"),
        ("#000000", "#ffffff"),
        ("#000080", "#ffffff"),
    ],
)
def test_text_is_black_on_light_and_white_on_dark(background, text):
    assert Emotion("x", "X", "😀", background).text_color == text


def test_an_emotion_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EMOTIONS[0].color = "#000000"
