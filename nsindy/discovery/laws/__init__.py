"""Laws of a person's own, fitted and compared with what was found.

Read the modules in this order:

  law_text    laws of a person's own, as they are written
  law_start   where the numbers of a law may be
  hidden_law  the same for a law with a state that was not measured
  law_fit     a law fitted to the measurements, as a support is
  comparison  laws beside what was found
"""
