"""What was found becomes an answer in a person's words.

Enters: the model that won, on all samples and on the first part. Leaves: a `Discovery`.

Read the modules in this order:

  verdict            an equation, an approximation, or none
  diagnosis          what may be missing, in a person's words
  wording            models in words
  cautions           reasons for caution, in words
  few_terms          the best equations of few plain terms, and linear ones, beside what was found
  phase_differences  products of sines and cosines that are waves of differences
  conclusion         the Discovery, put together from what was found
"""
