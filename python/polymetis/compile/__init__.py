"""Compiles networks into packages for cards (docs/packages.md). Needs the extra `polymetis[compile]`; nothing at run time needs this."""
