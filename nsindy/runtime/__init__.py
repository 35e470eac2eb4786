"""What every other package stands on: compiled programs, whole files and soft stops.

`programs` compiles a function once for each shape and keeps what it compiled on disk; `files`
writes a file whole or not at all; `stopping` notes Ctrl-C and the time.
Nothing of nsindy is imported here.
"""
