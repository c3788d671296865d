import inspect

import pytest

from fer_core import errors

ALL_ERRORS = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if value.__module__ == errors.__name__
]
each_error = pytest.mark.parametrize("error", ALL_ERRORS, ids=lambda error: error.__name__)


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (errors.FerError, Exception),
        (errors.InvalidImageError, errors.FerError),
        (errors.ImageTooLargeError, errors.InvalidImageError),
        (errors.InvalidVideoError, errors.FerError),
        (errors.VideoTooLargeError, errors.InvalidVideoError),
        (errors.TruncatedVideoWarning, UserWarning),
        (errors.ModelLoadError, errors.FerError),
        (errors.ChecksumMismatchError, errors.ModelLoadError),
        (errors.OutputError, errors.FerError),
    ],
)
def test_an_error_hangs_where_the_tree_says(child, parent):
    assert child.__bases__ == (parent,)


def test_the_tree_holds_these_errors_and_no_others():
    assert {error.__name__ for error in ALL_ERRORS} == {
        "FerError",
        "InvalidImageError",
        "ImageTooLargeError",
        "InvalidVideoError",
        "VideoTooLargeError",
        "TruncatedVideoWarning",
        "ModelLoadError",
        "ChecksumMismatchError",
        "OutputError",
    }


@each_error
def test_the_tree_in_the_module_docstring_names_the_error(error):
    assert error.__name__ in errors.__doc__


@each_error
def test_an_error_shows_its_message_as_it_is(error):
    assert str(error("Please send another picture.")) == "Please send another picture."


def test_a_bad_picture_is_no_model_error():
    assert not issubclass(errors.InvalidImageError, errors.ModelLoadError)
