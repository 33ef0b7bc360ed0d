"""The one exception tree.

An exception means: cannot go on. Whatever a scan could not read, a revocation that was refused,
a finding: all of these are values, not exceptions (see `tokenguard.model`).

    TokenguardError
    ├── UsageError            what was asked for makes no sense (exit 2)
    │   ├── ConfigError       a configuration, baseline or ignore file is wrong
    │   ├── RuleError         a rule file is wrong
    │   ├── RangeError        a commit range names nothing that can be read
    │   ├── NotARepositoryError
    │   ├── WholeTokenError   a token itself was typed where its name belongs
    │   └── RefusedError      a token store says no: by its code one knows why
    └── OperationError        asked for rightly, but it could not be done (exit 3)
        ├── GitError          git is missing, too old, or failed as a whole
        ├── OutputError       the report could not be written
        ├── JournalError      the journal of revocations cannot be read or written
        └── StoreError        a token store is missing, broken or too new for this program
            └── UnavailableError  it does not answer now: ask again

Messages are one line, name the thing and the remedy, and never hold a secret.
"""

from __future__ import annotations


class TokenguardError(Exception):
    """The root: a one-line message and, where there is one, the remedy."""

    exit_code = 2

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class UsageError(TokenguardError):
    """What was asked for makes no sense."""


class ConfigError(UsageError):
    """A configuration, baseline or ignore file is wrong."""


class RuleError(UsageError):
    """A rule file is wrong; the message names file and line of the first fault, `faults` lists them all."""

    def __init__(self, message: str, *, remedy: str = "", faults: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.faults = faults or (message,)
        """One line each: `file:line: message`."""


class RangeError(UsageError):
    """A commit range names nothing that can be read."""


class NotARepositoryError(UsageError):
    """A git command was given a folder that is no repository."""


class WholeTokenError(UsageError):
    """A token itself was typed where its visible prefix or id belongs; the message says what to do about it."""


class RefusedError(UsageError):
    """A token store says no; `code` is one of its API's, such as INSUFFICIENT_SCOPE, NOT_FOUND, VALIDATION."""

    def __init__(  # noqa: PLR0913 - what a caller may want to know, each by its name
        self,
        code: str,
        message: str,
        *,
        remedy: str = "",
        required: tuple[str, ...] = (),
        missing: tuple[str, ...] = (),
        pointers: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.required = required
        """Permissions that the call needs (INSUFFICIENT_SCOPE)."""
        self.missing = missing
        """Those of them that the caller lacks; scopes that the owner does not hold (SCOPE_NOT_HELD)."""
        self.pointers = pointers
        """JSON pointers to what is wrong (VALIDATION)."""


class OperationError(TokenguardError):
    """Asked for rightly, but it could not be done."""

    exit_code = 3


class GitError(OperationError):
    """Git is missing, too old, or failed as a whole."""


class OutputError(OperationError):
    """A report could not be written."""


class JournalError(OperationError):
    """The journal of revocations cannot be read or written: nothing is sent then."""


class StoreError(OperationError):
    """A token store is missing, broken, or newer than this program."""


class UnavailableError(StoreError):
    """A token store does not answer now. `retry_after`: seconds after which to ask again."""

    def __init__(self, message: str, *, remedy: str = "", retry_after: int = 1) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


def fault(error: BaseException) -> str:
    """Kind and place of an unforeseen exception. Its message is left out: it may hold data."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return type(error).__name__
    file = last.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__} at {file}:{last.tb_lineno}"
