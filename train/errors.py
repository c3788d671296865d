"""Errors of training and evaluation, each with one sentence for the user of a command.

TrainError
├── DataError       data cannot be read
├── RunError        a run cannot be started or resumed, or its folder not be used
├── SettingError    a field of a config does not exist, or has an invalid value
├── FeatureError    a network has nothing to draw
└── PeerError       the package to compare with cannot be run

`train.cli.explained` prints them as the last line of a command.
"""


class TrainError(Exception):
    """A command cannot do what it was asked; the message says why."""


class DataError(TrainError):
    """The data directory is incomplete or a file in it is malformed; the message says which."""


class RunError(TrainError):
    """The run's folder cannot be used; the message says why."""


class SettingError(TrainError, ValueError):
    """A config is invalid; the message names the field and its valid values."""


class FeatureError(TrainError):
    """There is nothing to draw; the message says why."""


class PeerError(TrainError):
    """The package to compare with cannot be run; the message says why."""
