"""`python -m polymetis` is the command `polymetis`."""

import sys

from ._command import main

sys.exit(main())
