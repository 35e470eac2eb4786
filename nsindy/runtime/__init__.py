"""What every other package stands on: compiled programs, whole files and soft stops.

`programs` compiles a function once for each shape and keeps what it compiled on disk; `traced`
keeps what it was compiled from, so that another process need not trace it; `files` writes a file
whole or not at all; `stopping` notes Ctrl-C and the time.
Nothing of nsindy is imported here.
"""
