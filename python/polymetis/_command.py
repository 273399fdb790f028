"""The command's entry. It imports nothing, so that Ctrl-C finds the `try` soon: the commands' imports take most of a short run."""


def main() -> int:
    try:
        from .cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130
