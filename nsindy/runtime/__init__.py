"""What every other package stands on: compiled programs and whole files.

`programs` compiles a function once for each shape and keeps what it compiled on disk; `files`
writes a file whole or not at all. Nothing of nsindy is imported here.
"""
