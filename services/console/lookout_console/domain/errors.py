"""Why something is not done. The texts are for the person who asked, and say what to do."""


class NotDoneError(Exception):
    """Nothing was changed."""


class NotAllowedError(NotDoneError):
    """The person may not do this: another one must, or a rule forbids it."""


class WrongStateError(NotDoneError):
    """It cannot be done now, or no longer."""


class ConflictError(NotDoneError):
    """Somebody else was first."""


class BadInputError(NotDoneError):
    """What was given cannot be used."""


class UnknownError(NotDoneError):
    """There is no such thing, or no longer."""


class AuditLostError(NotDoneError):
    """The audit cannot be written, so nothing is done."""
