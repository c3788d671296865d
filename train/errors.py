"""The errors of training and evaluation, each with one sentence for the person who typed a command.

TrainError
├── DataError       data cannot be read
├── RunError        a run cannot be begun or continued, or its folder not used
├── SettingError    a config has no such field, or not with such a value
├── FeatureError    there is nothing to show of a network
└── PeerError       the package to compare with cannot be asked

`train.cli.explained` turns them into the last line of a command.
"""


class TrainError(Exception):
    """A command cannot do what it was asked; the message says why."""


class DataError(TrainError):
    """The data directory is incomplete or a file in it is malformed; the message says which."""


class RunError(TrainError):
    """The run's folder cannot be used; the message says why."""


class SettingError(TrainError, ValueError):
    """A config cannot be so; the message says which field and what it may be."""


class FeatureError(TrainError):
    """There is nothing to show; the message says why."""


class PeerError(TrainError):
    """The package cannot be asked; the message says why."""
