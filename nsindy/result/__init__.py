"""The result of a discovery.

`discovery.Discovery` holds equations with their uncertainty, `tested` how they and laws of a
person's own do on the recordings; `file` is its JSON file, `vector_field` its right-hand side as a
pure function of JAX, `along_recording` the same in NumPy and its solution at the times and with the
inputs of a recording.
"""
