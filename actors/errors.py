"""The error of an attempt whose result is no longer wanted, and the check for it."""

from orchestration import Context, OrchestrationError


class AbandonedError(OrchestrationError):
    """The attempt has lost its claim or its run was cancelled: stop, another one goes on."""


def require_wanted(context: Context) -> None:
    """Make sure that the result of this attempt is still wanted.

    Raises:
        AbandonedError: It is not.
    """
    if context.cancelled:
        raise AbandonedError("this attempt has lost its claim or was cancelled: it goes no further")
