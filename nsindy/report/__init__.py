"""The page of a discovery.

Enters: a Discovery and the recordings it was made from. Leaves: one HTML page with its figures.
Read `replay` (the equations against the recording), `figures`, then `page`.
"""
