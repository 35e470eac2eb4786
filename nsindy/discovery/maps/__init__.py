"""x[n+1] = f(x[n]) in place of a flow.

Read the modules in this order:

  map_rows        rows made ready: cut where one lacks, scaled
  map_regression  a map as a regression of every row on the one before
  map_numbers     numbers inside the terms of a map
  map_answer      the map that was chosen becomes a Discovery
  map_search      a map found, or suggested where a flow fails
"""
