"""The language of equations: operations, the terms that bind them to states, and their text.

Enters: names of operations and states. Leaves: a `library.Library` of M terms with its values
Θ [N, M], and equations as text, SymPy, LaTeX and MathML. Read `operations` (the one table), `term`
(an operation bound to states), `library` (Θ), `products` (any few of many terms by gathers),
`collinearity` (what Θ alone says of its terms), then `text` and `symbolic`.
"""
