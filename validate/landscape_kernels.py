"""Compiled loops over the monomials of a random polynomial, and Newton's method on a sphere; no random number is drawn.

A homogeneous polynomial of degree p in N variables is a sum over i_1 <= ... <= i_p of c x_{i_1} ... x_{i_p}; its
coefficients are kept in the lexicographic order of these indices, so that all with the same first p - 1 indices (a
prefix) are a contiguous row over the last.  A row is read once in a call: that is what limits the speed once the
coefficients do not fit the cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["gather", "landscape", "multiply_by_orders", "newton", "polynomial"]

_RELAXED = {"reassoc", "nsz", "contract", "arcp"}  # sums may be reordered; infinities and nan stay what they are


@njit(fastmath=_RELAXED)
def _dot(row, x):
    total = 0.0
    for k in range(row.size):
        total += row[k] * x[k]
    return total


@njit(fastmath=_RELAXED)
def _dot_and_add(row, x, factor, out):
    total = 0.0
    for k in range(row.size):
        total += row[k] * x[k]
        out[k] += factor * row[k]
    return total


@njit(fastmath=_RELAXED)
def _add(row, factor, out):
    for k in range(row.size):
        out[k] += factor * row[k]


@njit
def _without(x, index, count, first, second):
    """Return the product of the coordinates of a prefix, but for two positions in it."""
    product = 1.0
    for b in range(count):
        if b != first and b != second:
            product *= x[index[b]]
    return product


@njit
def _advance(index, count, size):
    """Go to the next prefix i_1 <= ... <= i_count; False after the last."""
    a = count - 1
    while a >= 0 and index[a] == size - 1:
        a -= 1
    if a < 0:
        return False
    value = index[a] + 1
    for b in range(a, count):
        index[b] = value
    return True


@njit
def multiply_by_orders(coefficients, degree, size, unit):
    """Multiply every coefficient by unit times the root of the number p!/a! of orders of its monomial's indices."""
    factorial = 1.0
    for k in range(2, degree + 1):
        factorial *= k
    count, offset, more = degree - 1, 0, True
    index = np.zeros(max(count, 1), np.int64)
    while more:
        orders, run = factorial, 1
        for a in range(1, count):
            run = run + 1 if index[a] == index[a - 1] else 1
            orders /= run
        low = index[count - 1] if count > 0 else 0
        coefficients[offset : offset + size - low] *= unit * orders**0.5
        if count > 0:  # the first of the row repeats the last index of the prefix once more
            coefficients[offset] /= (run + 1) ** 0.5
        offset += size - low
        more = count > 0 and _advance(index, count, size)


@njit
def polynomial(coefficients, degrees, x, gradient, hessian, order):
    """Return the sum of homogeneous polynomials at x; overwrite gradient (order >= 1) and Hessian (order >= 2).

    Parameters
    ----------
    coefficients : float array (sum of C(N + p - 1, p),)
        Of all degrees, one after the other.
    degrees : int array (terms,)
    x : float array (N,)
    gradient : float array (N,)
    hessian : float array (N, N)
    order : int
        0, 1 or 2.
    """
    size = x.size
    value, offset = 0.0, 0
    if order > 0:
        gradient[:] = 0.0
    if order > 1:
        hessian[:] = 0.0
    for term in range(degrees.size):
        count = degrees[term] - 1
        index = np.zeros(max(count, 1), np.int64)
        more = True
        while more:
            low = index[count - 1] if count > 0 else 0
            row = coefficients[offset : offset + size - low]
            offset += size - low
            prefix = _without(x, index, count, -1, -1)
            if order == 0:
                value += prefix * _dot(row, x[low:])
            else:
                inner = _dot_and_add(row, x[low:], prefix, gradient[low:])
                value += prefix * inner
                for a in range(count):
                    rest = _without(x, index, count, a, -1)
                    gradient[index[a]] += inner * rest
                    if order > 1:
                        _add(row, rest, hessian[index[a], low:])
                        for b in range(a + 1, count):
                            hessian[index[a], index[b]] += inner * _without(x, index, count, a, b)
            more = count > 0 and _advance(index, count, size)
    if order > 1:  # pairs of positions were counted once: the second derivative is the sum of both orders
        for i in range(size):
            hessian[i, i] *= 2.0
            for j in range(i):
                total = hessian[i, j] + hessian[j, i]
                hessian[i, j] = hessian[j, i] = total
    return value


@njit
def _add_signal(degrees, weights, signal, x, gradient, hessian, order):
    """Add the mean -Q(m), m = x.signal, and its derivatives; return it."""
    m = _dot(signal, x)
    value = first = second = 0.0
    for term in range(degrees.size):
        p, w = degrees[term], weights[term]
        value += w * m**p
        first += w * p * m ** (p - 1)
        if p > 1:
            second += w * p * (p - 1) * m ** (p - 2)
    size = x.size
    if order > 0:
        for i in range(size):
            gradient[i] -= first * signal[i]
    if order > 1:
        for i in range(size):
            for j in range(size):
                hessian[i, j] -= second * signal[i] * signal[j]
    return -value


@njit
def landscape(coefficients, degrees, weights, signal, x, gradient, hessian, order):
    """Return H/N at x of length 1, as `polynomial`; an empty signal stands for no mean."""
    value = polynomial(coefficients, degrees, x, gradient, hessian, order)
    if signal.size > 0:
        value += _add_signal(degrees, weights, signal, x, gradient, hessian, order)
    return value


@njit
def _solve(matrix, vector):
    """Solve a small dense system in place by elimination with partial pivoting; False if it is singular."""
    size = vector.size
    for k in range(size):
        pivot = k
        for i in range(k + 1, size):
            if abs(matrix[i, k]) > abs(matrix[pivot, k]):
                pivot = i
        if matrix[pivot, k] == 0.0:
            return False
        if pivot != k:
            for j in range(k, size):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
            vector[k], vector[pivot] = vector[pivot], vector[k]
        for i in range(k + 1, size):
            factor = matrix[i, k] / matrix[k, k]
            if factor != 0.0:
                for j in range(k + 1, size):
                    matrix[i, j] -= factor * matrix[k, j]
                vector[i] -= factor * vector[k]
    for k in range(size - 1, -1, -1):
        total = vector[k]
        for j in range(k + 1, size):
            total -= matrix[k, j] * vector[j]
        vector[k] = total / matrix[k, k]
    return True


@njit
def newton(coefficients, degrees, weights, signal, points, shifts, steps, longest, tolerance, residuals, values):
    """Solve gradient = multiplier x, |x| = 1 by Newton's method from many starts; overwrite points.

    The multiplier of the first step is given; nan stands for x.gradient.  Steps are at most `longest` long.

    Parameters
    ----------
    points : float array (starts, N), changed
        Of length 1.
    shifts : float array (starts,)
    residuals, values : float arrays (starts,), changed
        |tangential gradient| and H/N at the end.
    """
    size = points.shape[1]
    gradient, hessian = np.empty(size), np.empty((size, size))
    matrix, vector = np.empty((size + 1, size + 1)), np.empty(size + 1)
    for start in range(points.shape[0]):
        x = points[start]
        shift = shifts[start]
        for step in range(steps):
            values[start] = landscape(coefficients, degrees, weights, signal, x, gradient, hessian, 2)
            radial = _dot(gradient, x)
            residual = 0.0
            for i in range(size):
                residual += (gradient[i] - radial * x[i]) ** 2
            residuals[start] = residual**0.5
            if residuals[start] < tolerance:
                break
            multiplier = shift if step == 0 and shift == shift else radial
            for i in range(size):
                for j in range(size):
                    matrix[i, j] = hessian[i, j]
                matrix[i, i] -= multiplier
                matrix[i, size] = matrix[size, i] = x[i]
                vector[i] = multiplier * x[i] - gradient[i]
            matrix[size, size] = vector[size] = 0.0
            if not _solve(matrix, vector):
                break
            length = 0.0
            for i in range(size):
                length += vector[i] ** 2
            scale = min(1.0, longest / length**0.5)
            norm = 0.0
            for i in range(size):
                x[i] += scale * vector[i]
                norm += x[i] ** 2
            for i in range(size):
                x[i] /= norm**0.5


@njit
def gather(ended, values, known, energies, hits, count, weight, symmetry, same, near):
    """Count the ends among the points that are known, and add those that are not; return how many are known.

    Parameters
    ----------
    ended : float array (ends, N)
    values : float array (ends,)
        H/N there.
    known : float array (room, N), changed
    energies : float array (room,), changed
    hits : int array (room,), changed
    count : int
        Rows of `known` that are filled.
    weight : int
        Of an end in the number of hits.
    symmetry : int
        If not 0, antipodes are one point; their energies differ by this factor.
    same : float
        Squared distance below which points are one.
    near : float
        Difference of energies beyond which they are surely two.
    """
    size = ended.shape[1]
    for e in range(ended.shape[0]):
        place = -1
        for k in range(count):
            for sign in (1.0, -1.0):
                if sign < 0 and symmetry == 0:
                    continue
                value = values[e] if sign > 0 else symmetry * values[e]
                if abs(value - energies[k]) > near:
                    continue
                distance = 0.0
                for i in range(size):
                    distance += (known[k, i] - sign * ended[e, i]) ** 2
                if distance < same:
                    place = k
        if place < 0:
            known[count] = ended[e]
            energies[count] = values[e]
            hits[count] = 0
            place = count
            count += 1
        hits[place] += weight
    return count
