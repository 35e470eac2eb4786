"""The language of equations: operations, the terms that bind them to states, and their text.

Enters: names of operations and states. Leaves: a `library.Library` of M terms with its values
Θ [N, M], and equations as text, SymPy, LaTeX and MathML. Read `primitive` (one operation),
`numbered_operations` and `numbered_table` (those that own a number, a row for each), `operations`
(the one table of the others: a new operation is one row), `given_operations` (as people give them),
`term` (an operation bound to states), `numbered` (the numbers inside terms), `library` (Θ),
`products` (any few of many terms by gathers), `collinearity` (how the columns of Θ depend on each
other), then `text` and `symbolic`; `reading` turns what people write into an `expression`, and
`expansion` that into terms.
"""
