"""A person's file or arrays, checked.

Enters: the names of files, or arrays. Leaves: `check.Recordings`, or a ValueError of one sentence
that names the column, the row and the fix. Read `text` (a file as a table of words), then
`columns` (which of them are times, states and inputs), then `check` (what every recording must
be).
"""
