"""Terms with numbers inside: which numbers are tried, and which earn their price.

Enters: what was found with the terms of the library. Leaves: the same with x/(K + x), exp(k x), …
in its place where they are clearly more likely, each number fitted with everything else.

Read the modules in this order:

  number_hints       what shows that a number may be missing
  number_blocks      the numbers that are tried, of which variables, and those that are offered
  number_growth      supports with a number, grown in one regression
  number_regression  the numbers with which regressions find better equations
  response           what a small forcing does to a recording, to first order
  number_scan        the numbers with which a solution would follow the recording better
  number_tangent     the regression along trajectories, to first order
  several_numbers    numbers of several equations at once
  number_limits      one number in place of two, of which one is of no account
  number_profile     the least misfit as a function of one number, by parabolas
  number_fit         searches with a number, which must earn its price
  numbers_inside     one number after the other, as long as they earn their price
"""
