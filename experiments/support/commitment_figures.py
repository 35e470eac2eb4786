"""Figures of the study of commitment."""


def draw(out, parts):
    pass
