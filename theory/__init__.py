"""What a model is: order parameters, free entropy, priors, channels, observables, as SymPy expressions.

A file here reads like the paper it comes from. The room computes no number and imports nothing of the project
but itself; :mod:`spinodal.equations` turns what is written here into numbers.
"""
