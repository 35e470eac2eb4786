"""What a discovery is.

`discovery.Discovery` holds equations with their uncertainty; `file` is its JSON file,
`vector_field` its right-hand side as a pure function, `along_recording` its solution at the times
and with the inputs of a recording.
"""
