"""Changes how a CT looks without moving anything: noise, blur, contrast, kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Picture = NDArray[np.float32]


def other_scanner(
    hu: Picture, rng: np.random.Generator, *, noise_hu: float, axes: tuple[int, ...]
) -> Picture:
    """Returns the picture as another scanner might have made it.

    `axes` are the picture's spatial axes, along which it may be blurred or sharpened; `noise_hu` the strongest noise.
    """
    out = hu * np.float32(rng.uniform(0.85, 1.15)) + np.float32(rng.normal(0, 25))
    if rng.random() < 0.5:
        out = _bent_scale(out, rng)
    if rng.random() < 0.5:
        sigma = [0.0] * out.ndim
        for axis in axes:
            sigma[axis] = rng.uniform(0.0, 1.3)
        out = ndimage.gaussian_filter(out, sigma)
    elif rng.random() < 0.4:
        sigma = [1.0 if axis in axes else 0.0 for axis in range(out.ndim)]
        out = out + np.float32(rng.uniform(0.2, 1.0)) * (out - ndimage.gaussian_filter(out, sigma))
    if rng.random() < 0.7:
        grain = rng.normal(0, 1, out.shape).astype(np.float32)
        if rng.random() < 0.6:
            sigma = [rng.uniform(0.3, 1.0) if axis in axes else 0.0 for axis in range(out.ndim)]
            grain = ndimage.gaussian_filter(grain, sigma)
            grain /= grain.std() + np.float32(1e-6)
        out = out + np.float32(noise_hu * rng.random() ** 2) * grain
    return np.asarray(out, np.float32)


def _bent_scale(hu: Picture, rng: np.random.Generator) -> Picture:
    """Bends the HU scale between fat and cortical bone, as contrast, calcium and kV do; order is kept."""
    knots = np.array([-1024.0, -150.0, 40.0, 180.0, 450.0, 1000.0, 3000.0])
    moved = knots + rng.normal(0, 1, len(knots)) * np.array([0, 25, 25, 50, 90, 150, 200])
    return np.interp(hu, knots, np.maximum.accumulate(moved)).astype(np.float32)
