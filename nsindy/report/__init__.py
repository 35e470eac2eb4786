"""The report of a discovery.

Enters: a Discovery and the recordings it was found in. Leaves: one HTML page with its figures.
Read `replay` (the equations solved along the recordings), `drawing` and `term_shares`, `figures`,
then `page`.
"""
