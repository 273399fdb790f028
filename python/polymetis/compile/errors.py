"""The exceptions of the compiler."""


class CompileError(Exception):
    """A sentence: what was asked, what was found, what to do."""


class WrongUsage(CompileError):
    """The command line asks for what does not go together."""
