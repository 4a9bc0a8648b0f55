"""Is it true? Instances of finite size, sampled from a model's definition, and algorithms run on them.

The room imports :mod:`spinodal.theory` and :mod:`spinodal.equations`, for the denoisers and for the
prediction that is tested. Nothing imports it but the package's face and the command line.
"""
