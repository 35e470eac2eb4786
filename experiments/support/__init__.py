"""What scripts share. Importing it sets the process up, before NumPy, SciPy and Equinox are there.

`command_line` (options, errors in a sentence), `experiment` (what is swept, and how), `one_run` (a
run over its seeds) and `written` (what a script leaves behind) serve every script; the others are
the longer parts of one or two.
"""

import os

# The solver's checks are host callbacks, which keep a program out of the compilation cache; with
# "nan" a failed check gives a run that is not finite, and its row says that it diverged.
os.environ.setdefault("EQX_ON_ERROR", "nan")
# These matrices are small, and beside another process OpenBLAS's threads wait for each other in
# busy loops. NumPy, and SciPy whose LAPACK is JAX's, read this when they are imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
