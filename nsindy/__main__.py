"""`python -m nsindy` is the command `nsindy`."""

import sys

from nsindy import cli

sys.exit(cli.main())
