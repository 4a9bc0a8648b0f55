"""What a user wants: branches, transitions, tables of thresholds with their errors, and figures.

The room knows no equation: it follows the curves that :mod:`spinodal.equations` solves and finds what happens
along them. It imports :mod:`spinodal.theory`, :mod:`spinodal.equations` and itself.
"""
