"""`python -m polymetis` is the command `polymetis`."""

import sys

from .cli import main

sys.exit(main())
