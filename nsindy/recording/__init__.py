"""A recording from files or arrays, checked.

Enters: the names of files, or arrays. Leaves: `check.Recordings`, or a ValueError of one sentence
that names the column, the row and the fix. Read `text` (a file as a table of numbers), then
`columns` (which of them are times, states and inputs), `repair` (what is repaired, and what every
recording must satisfy), then `check` (arrays and files through all of them).
"""
