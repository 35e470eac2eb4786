"""The search for the terms of each equation.

Enters: a `problem.Prepared`. Leaves: a `search.Found`: a support with its coefficients, noise and
log evidence, and those that came close.

Read the modules in this order:

  candidates      a support fitted to the measurements, and its evidence
  proposals       the supports that regressions propose
  one_step        those that the flow from sample to sample proposes
  neighbours      the supports around one that was fitted
  search          from one support to a better one, until none is better
  inclusion       how probable each term is; equations of probable terms alone
  discrepancy     models that are only nearly right, beside a slow error
  fitted_numbers  numbers fitted together with everything else
  session         one discovery on its way: problems built, and searched from starts
  stages          the search on the first part of recordings, and that on all samples
"""
