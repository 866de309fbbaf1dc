"""The errors of autometa; each is also the built-in class that callers already catch."""


class AutoMetaError(Exception):
    """Base class of every error that autometa raises on purpose."""


class InvalidInputError(AutoMetaError, ValueError):
    """A value given by the user is not accepted; the message says what would be."""


class InvalidTableError(InvalidInputError):
    """A table or target cannot be used as it is."""


class NestedCellError(InvalidTableError, TypeError):
    """A cell of a table holds several values, such as a list or a dict."""


class ColumnMismatchError(InvalidTableError):
    """A table at prediction has other columns, or columns of another type, than at fit."""


class EmptyClassError(InvalidInputError):
    """A class has no support row."""


class MemoryLimitError(AutoMetaError, MemoryError):
    """The table would need more memory than ``memory_limit`` allows."""


class MemoryLimitWarning(UserWarning):
    """The search has ended early, near ``memory_limit``; the best found so far is kept."""


class KnownTaskError(InvalidInputError):
    """What is known comes from the data too, and ``on_known_task="raise"`` was asked for."""


class ArtefactError(AutoMetaError, OSError):
    """A stored artefact is missing, corrupted, foreign or written by an unreadable version."""


class MissingExtraError(AutoMetaError, ImportError):
    """A package is needed that installs with an extra; the message says which."""


class OpenMLError(AutoMetaError, RuntimeError):
    """OpenML could not answer: not found, unreachable, or refused."""


class NothingLeftError(AutoMetaError, LookupError):
    """A search over given candidates has asked every one of them."""


class KnownTaskWarning(UserWarning):
    """What is known comes from the data too, so its score is no measure of meta-learning."""


class DroppedColumnsWarning(UserWarning):
    """Columns were left out of the encoding because they identify rows."""


class UnreadableCellsWarning(UserWarning):
    """Cells of a column read neither as its numbers nor as its dates; they count as missing."""


class FewerRowsWarning(UserWarning):
    """The time limit is too short to read all rows; some, drawn at random, were fitted on."""


class NoScoreWarning(UserWarning):
    """No trial has a score, so that a network predicts as proposed; the message says why."""


class FamilyWarning(UserWarning):
    """A trial of a user's own estimator failed; the message says how."""


class InferLimitWarning(UserWarning):
    """Not even the fastest model found predicts within ``infer_limit``; it is kept."""


class SpaceWarning(UserWarning):
    """A configuration was changed to fit a search space; the message says how."""


class UnknownSpaceWarning(UserWarning):
    """What is tuned is not what is known of the family; the message says which names are."""


class UnknownMetafeaturesWarning(UserWarning):
    """Meta-features computed of a table are none of those known, so that all tasks count alike."""


class OtherKindWarning(UserWarning):
    """Only tasks of the other kind, classes or numbers, are known of the family."""
