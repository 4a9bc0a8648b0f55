"""From one replica-symmetric free entropy to fixed points, thresholds and phase diagrams.

>>> import spinodal as sp
>>> model = sp.GLM(sp.Rademacher(), sp.Sign())
>>> table = sp.thresholds(model, along="alpha", between=(0.5, 2.0))  # doctest: +SKIP

The names below are handed on from the rooms ``theory``, ``equations``, ``phase_diagrams`` and ``validate``,
each loaded when it is first used: ``import spinodal`` alone loads no SymPy, numba or matplotlib.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .equations.fixed_points import equilibrium, fixed_points
    from .equations.iterate import state_evolution
    from .equations.layer_information import layer_information
    from .equations.result import FixedPoint, Status
    from .phase_diagrams.branches import branches
    from .phase_diagrams.complexity import Complexity, complexity
    from .phase_diagrams.decimation import DecimationFlow, decimation_flow, decimation_mse
    from .phase_diagrams.diagram import PhaseDiagram
    from .phase_diagrams.figures import plot_branches, plot_landscape
    from .phase_diagrams.generative_figures import depth_table, plot_depth, plot_side_by_side
    from .phase_diagrams.rasters import raster
    from .phase_diagrams.rotational_denoising import denoise, noisy_spectrum, rotationally_invariant_mse
    from .phase_diagrams.rotational_figures import plot_denoising
    from .phase_diagrams.spectral import plot_spectral_overlaps, spectral_overlaps, spectral_thresholds
    from .phase_diagrams.thresholds import thresholds
    from .phase_diagrams.two_controls import phase_diagram
    from .theory.boltzmann import GaussianBernoulliRBM
    from .theory.catalogue import catalogue
    from .theory.channels import (
        Abs,
        Door,
        HardTanh,
        LeakyReLU,
        Linear,
        PiecewiseLinear,
        Probit,
        ReLU,
        Sign,
    )
    from .theory.decimation import Decimation
    from .theory.generative import Generative
    from .theory.glm import GLM
    from .theory.hopfield import Hopfield
    from .theory.matrix_tensor import MatrixTensor
    from .theory.means import GaussianMean
    from .theory.model import Model
    from .theory.priors import (
        Bernoulli,
        Discrete,
        GaussBernoulli,
        Gaussian,
        GaussianMixture,
        Laplace,
        Rademacher,
        SciPyPrior,
        SparseRademacher,
    )
    from .theory.spiked import SpikedWigner
    from .theory.spin_glass import SphericalSpinGlass
    from .theory.wishart import SpikedWishart
    from .validate.annealing import cooling, energy_traces
    from .validate.crosscheck import crosscheck
    from .validate.decimation_amp import amp_decimation
    from .validate.decimation_instances import sample_factorization
    from .validate.oracle import Prediction, decimate
    from .validate.second_moments import second_moments_of_generator, second_moments_of_samples
    from .validate.spectral import lamp, pca, sample_spiked
    from .validate.spectral_check import spectral_check
    from .validate.spectral_figures import digits_figure, spectral_overlaps_on_samples

__version__ = "0.1.0"

__all__ = [
    "GLM",
    "Abs",
    "Bernoulli",
    "Complexity",
    "Decimation",
    "DecimationFlow",
    "Discrete",
    "Door",
    "FixedPoint",
    "GaussBernoulli",
    "Gaussian",
    "GaussianBernoulliRBM",
    "GaussianMean",
    "GaussianMixture",
    "Generative",
    "HardTanh",
    "Hopfield",
    "Laplace",
    "LeakyReLU",
    "Linear",
    "MatrixTensor",
    "Model",
    "PhaseDiagram",
    "PiecewiseLinear",
    "Prediction",
    "Probit",
    "Rademacher",
    "ReLU",
    "SciPyPrior",
    "Sign",
    "SparseRademacher",
    "SphericalSpinGlass",
    "SpikedWigner",
    "SpikedWishart",
    "Status",
    "__version__",
    "amp_decimation",
    "branches",
    "catalogue",
    "complexity",
    "cooling",
    "crosscheck",
    "decimate",
    "decimation_flow",
    "decimation_mse",
    "denoise",
    "depth_table",
    "digits_figure",
    "energy_traces",
    "equilibrium",
    "fixed_points",
    "lamp",
    "layer_information",
    "noisy_spectrum",
    "pca",
    "phase_diagram",
    "plot_branches",
    "plot_denoising",
    "plot_depth",
    "plot_landscape",
    "plot_side_by_side",
    "plot_spectral_overlaps",
    "raster",
    "rotationally_invariant_mse",
    "sample_factorization",
    "sample_spiked",
    "second_moments_of_generator",
    "second_moments_of_samples",
    "spectral_check",
    "spectral_overlaps",
    "spectral_overlaps_on_samples",
    "spectral_thresholds",
    "state_evolution",
    "thresholds",
]

# Where each public name lives; tests/test_packaging.py compares this with the imports and with __all__ above.
_HOME = {
    "Decimation": "theory.decimation",
    "DecimationFlow": "phase_diagrams.decimation",
    "decimation_flow": "phase_diagrams.decimation",
    "decimation_mse": "phase_diagrams.decimation",
    "denoise": "phase_diagrams.rotational_denoising",
    "noisy_spectrum": "phase_diagrams.rotational_denoising",
    "rotationally_invariant_mse": "phase_diagrams.rotational_denoising",
    "plot_denoising": "phase_diagrams.rotational_figures",
    "cooling": "validate.annealing",
    "energy_traces": "validate.annealing",
    "amp_decimation": "validate.decimation_amp",
    "sample_factorization": "validate.decimation_instances",
    "Prediction": "validate.oracle",
    "decimate": "validate.oracle",
    "Bernoulli": "theory.priors",
    "Discrete": "theory.priors",
    "GaussBernoulli": "theory.priors",
    "Gaussian": "theory.priors",
    "GaussianMixture": "theory.priors",
    "Laplace": "theory.priors",
    "Rademacher": "theory.priors",
    "SciPyPrior": "theory.priors",
    "SparseRademacher": "theory.priors",
    "Abs": "theory.channels",
    "Door": "theory.channels",
    "HardTanh": "theory.channels",
    "LeakyReLU": "theory.channels",
    "Linear": "theory.channels",
    "PiecewiseLinear": "theory.channels",
    "Probit": "theory.channels",
    "ReLU": "theory.channels",
    "Sign": "theory.channels",
    "Generative": "theory.generative",
    "GLM": "theory.glm",
    "GaussianBernoulliRBM": "theory.boltzmann",
    "Hopfield": "theory.hopfield",
    "MatrixTensor": "theory.matrix_tensor",
    "SphericalSpinGlass": "theory.spin_glass",
    "SpikedWigner": "theory.spiked",
    "SpikedWishart": "theory.wishart",
    "Model": "theory.model",
    "GaussianMean": "theory.means",
    "catalogue": "theory.catalogue",
    "FixedPoint": "equations.result",
    "Status": "equations.result",
    "equilibrium": "equations.fixed_points",
    "fixed_points": "equations.fixed_points",
    "state_evolution": "equations.iterate",
    "layer_information": "equations.layer_information",
    "thresholds": "phase_diagrams.thresholds",
    "branches": "phase_diagrams.branches",
    "Complexity": "phase_diagrams.complexity",
    "complexity": "phase_diagrams.complexity",
    "PhaseDiagram": "phase_diagrams.diagram",
    "phase_diagram": "phase_diagrams.two_controls",
    "plot_branches": "phase_diagrams.figures",
    "plot_landscape": "phase_diagrams.figures",
    "raster": "phase_diagrams.rasters",
    "plot_spectral_overlaps": "phase_diagrams.spectral",
    "spectral_overlaps": "phase_diagrams.spectral",
    "spectral_thresholds": "phase_diagrams.spectral",
    "plot_depth": "phase_diagrams.generative_figures",
    "plot_side_by_side": "phase_diagrams.generative_figures",
    "depth_table": "phase_diagrams.generative_figures",
    "crosscheck": "validate.crosscheck",
    "lamp": "validate.spectral",
    "pca": "validate.spectral",
    "sample_spiked": "validate.spectral",
    "second_moments_of_samples": "validate.second_moments",
    "second_moments_of_generator": "validate.second_moments",
    "spectral_check": "validate.spectral_check",
    "digits_figure": "validate.spectral_figures",
    "spectral_overlaps_on_samples": "validate.spectral_figures",
}

# The rooms are reachable as attributes too (sp.theory), without an import statement.
_ROOMS = ("theory", "equations", "phase_diagrams", "validate")


def __getattr__(name: str) -> Any:
    """Load the room that holds ``name`` (PEP 562)."""
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value  # found directly from now on
        return value
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS, *(name for name in globals() if name.startswith("__"))})
