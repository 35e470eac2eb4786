"""The report of a discovery.

Enters: a Discovery and the recordings it was found in. Leaves: one HTML page with its figures.
Read `replay` (the equations solved along the recordings), `figures`, then `page`.
"""
