"""The one exception of the compiler."""


class CompileError(Exception):
    """A sentence: what was asked, what was found, what to do."""
