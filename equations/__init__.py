"""What follows from a free entropy: saddle point, Jacobian and stability, derived, compiled and solved.

The room knows no model by name: all it sees is the language of :mod:`spinodal.theory`. It imports
:mod:`spinodal.theory` and itself.
"""
