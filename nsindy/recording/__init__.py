"""A recording from files or arrays, checked.

Enters: the names of files, or arrays. Leaves: `check.Recordings`, or a ValueError of one sentence
that names the column, the row and the fix. Read `table` (what a file is once it is read), `formats`
(which reader a file needs), `text` and `layout` (a text as rows, rows as columns), `cells` and
`times` (what people write into cells); then `clock` and `columns` (times, states, inputs),
`summer_time` (hours that clocks skip or repeat), `coarse` (stamps that several rows share),
`names`, `long_tables`, `shape` (several recordings in one),
`arrays` (every form of arguments), `faults` (of sensors), `repair` (what is repaired, and what
every recording must satisfy), `varying` (which columns say something), `angles` (those that go
round), and `check` (arrays and files through all of them).
"""
