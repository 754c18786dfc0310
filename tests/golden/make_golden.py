#!/usr/bin/env python3
"""Golden values: what PyTorch computes for the same inputs, in double precision, in eigengrad's layouts.

Run (from any folder; the files are written beside this script, the same bytes every time):

    /usr/bin/python3 tests/golden/make_golden.py [FOLDER]

The committed files were made with PyTorch 1.13.0a0 and NumPy 1.24.2, as Debian 12 has them (python3-torch).
Inputs come from numpy.random.RandomState, whose streams are frozen, so another PyTorch gets the same inputs
and may differ from the committed results by rounding only.

Layouts: images [N, H, W, C]; weights of linear [in, out], of conv2d [Kh, Kw, Cin, Cout], of conv_transpose2d
[Kh, Kw, Cout, Cin] (the weights of the convolution that it transposes). Gradients are stored as d<name>; dy
is the gradient of the result that they start from (distributions: of the sum of log_prob). Integers are I64,
scalars have shape [].
"""

import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import distributions

from golden import EPSILON, add, batch_norm, conv2d, conv_transpose2d, gradients, leaf, normal, save
from infogan_step import make_infogan_step


# --- conv2d, conv_transpose2d


def convolution_cases(function, cases, transposed):
    arrays = {}
    for number, (n, height, width, cin, cout, kh, kw, options) in enumerate(cases):
        rng = np.random.RandomState(100 + number + 50 * transposed)
        channels = (cout, cin) if transposed else (cin, cout)
        leaves = {
            "x": leaf(normal(rng, n, height, width, cin)),
            "w": leaf(normal(rng, kh, kw, *channels)),
            "bias": leaf(normal(rng, cout)),
        }
        y = function(*leaves.values(), **options)
        dy = normal(rng, *y.shape)
        prefix = "case%d." % number
        add(arrays, prefix, leaves)
        defaults = {"stride": 1, "padding": 0, **({"output_padding": 0} if transposed else {})}
        add(arrays, prefix, {**defaults, **options})
        add(arrays, prefix, {"y": y, "dy": dy, **gradients(y, dy, leaves)})
    return arrays


def make_conv2d():
    return convolution_cases(conv2d, [
        (2, 5, 5, 3, 4, 3, 3, {}),
        (2, 8, 8, 1, 3, 4, 4, dict(stride=2, padding=1)),  # halving, as in InfoGAN's discriminator
        (3, 6, 6, 3, 5, 4, 4, dict(stride=2, padding=1)),
        (1, 7, 5, 2, 3, 3, 2, dict(stride=2, padding=1)),  # the last row is not reached
        (2, 4, 6, 2, 2, 1, 1, {}),
        (1, 9, 8, 2, 3, 5, 3, dict(stride=3, padding=2)),
        (2, 3, 4, 2, 17, 3, 4, {}),  # one output row
        (1, 2, 2, 1, 2, 3, 3, dict(padding=2)),  # more padding than image
        (1, 8, 7, 2, 3, 2, 2, dict(stride=3)),  # a stride above the kernel's size
    ], transposed=False)


def make_conv_transpose2d():
    return convolution_cases(conv_transpose2d, [
        (2, 3, 3, 3, 4, 3, 3, {}),
        (2, 4, 4, 3, 1, 4, 4, dict(stride=2, padding=1)),  # doubling, as in InfoGAN's generator
        (3, 2, 3, 5, 3, 4, 4, dict(stride=2, padding=1)),
        (2, 3, 4, 2, 3, 3, 3, dict(stride=2, padding=1, output_padding=1)),
        (1, 3, 2, 2, 3, 5, 3, dict(stride=3, padding=1, output_padding=2)),
        (2, 3, 5, 2, 2, 1, 1, {}),
        (1, 1, 1, 17, 2, 4, 3, {}),
        (1, 3, 3, 2, 2, 2, 2, dict(stride=3, output_padding=1)),  # gaps between the kernels
    ], transposed=True)


# --- batch_norm


def batch_norm_inputs(rng, shape):
    features = shape[-1]
    return {
        "x": leaf(normal(rng, *shape, scale=2, shift=0.5)),
        "gamma": leaf(normal(rng, features, scale=0.3, shift=1)),
        "beta": leaf(normal(rng, features, scale=0.5)),
    }


def rows_statistics(x):
    rows = x.detach().reshape(-1, x.shape[-1])
    return {"mean": rows.mean(0), "variance": rows.var(0, unbiased=False)}


def training_case(rng, shape):
    leaves = batch_norm_inputs(rng, shape)
    y = batch_norm(**leaves)
    dy = normal(rng, *shape)
    return {**leaves, **rows_statistics(leaves["x"]), "y": y, "dy": dy, **gradients(y, dy, leaves)}


def running_case(rng, shape):
    leaves = batch_norm_inputs(rng, shape)
    statistics = {"mean": normal(rng, shape[-1]), "variance": normal(rng, shape[-1]).exp()}
    y = batch_norm(**leaves, **statistics)
    dy = normal(rng, *shape)
    return {**leaves, **statistics, "y": y, "dy": dy, **gradients(y, dy, leaves)}


def update_case(rng, shape, momentum):
    """running <- (1 - momentum) running + momentum batch, with the unbiased variance of the batch."""
    x = normal(rng, *shape, scale=2, shift=0.5)
    mean, variance = normal(rng, shape[-1]), normal(rng, shape[-1]).exp()
    before = {"running_mean": mean.clone(), "running_variance": variance.clone()}
    biased = (1 - momentum) * variance + momentum * rows_statistics(x)["variance"]
    F.batch_norm(x.reshape(-1, shape[-1]), mean, variance, training=True, momentum=momentum, eps=EPSILON)
    return {"x": x, "momentum": momentum, **before, "new_running_mean": mean,
            "new_running_variance": variance, "new_running_variance_if_biased": biased}


def groups_case(rng, shape, groups):
    leaves = batch_norm_inputs(rng, shape)
    parts = leaves["x"].chunk(groups)
    y = torch.cat([batch_norm(part, leaves["gamma"], leaves["beta"]) for part in parts])
    dy = normal(rng, *shape)
    statistics = [rows_statistics(part) for part in parts]
    stacked = {name: torch.stack([s[name] for s in statistics]) for name in ("mean", "variance")}
    return {"groups": groups, **leaves, **stacked, "y": y, "dy": dy, **gradients(y, dy, leaves)}


def make_batch_norm():
    arrays, rng = {"epsilon": EPSILON}, np.random.RandomState(200)
    for name, shape in {"rank2": (7, 5), "rank4": (3, 4, 2, 6)}.items():
        add(arrays, "training_%s." % name, training_case(rng, shape))
        add(arrays, "running_%s." % name, running_case(rng, shape))
        add(arrays, "update_%s." % name, update_case(rng, shape, 0.1))
    add(arrays, "groups_rank2.", groups_case(rng, (10, 5), 2))
    add(arrays, "groups_rank4.", groups_case(rng, (6, 3, 2, 4), 2))
    return arrays


# --- distributions


def bernoulli_case(rng):
    """log_prob by binary_cross_entropy_with_logits, finite for any logit; x may lie between 0 and 1."""
    logits = torch.cat([normal(rng, 12, scale=3), torch.tensor([0.0, 1e4, -1e4, 1e4, -1e4, 1e4])])
    x = torch.tensor([0, 1] * 4 + [0.25, 0.9, 0.5, 0.1] + [1, 1, 1, 0, 0, 0.5])
    other = normal(rng, 18, scale=2)
    leaves = {"logits": leaf(logits), "x": leaf(x)}
    log_prob = -F.binary_cross_entropy_with_logits(leaves["logits"], leaves["x"], reduction="none")
    p, q = distributions.Bernoulli(logits=logits), distributions.Bernoulli(logits=other)
    binary = (x == 0) | (x == 1)
    assert torch.equal(log_prob[binary], p.log_prob(x.round())[binary])
    return {**leaves, "other_logits": other, "log_prob": log_prob,
            "dlogits": torch.autograd.grad(log_prob.sum(), leaves["logits"])[0],
            "entropy": p.entropy(), "kl": distributions.kl_divergence(p, q)}


def categorical_case(rng):
    logits = normal(rng, 8, 4, scale=2)
    logits[5] = torch.tensor([1e4, -1e4, 0, 5])
    logits[6] = torch.tensor([1e4, 1e4, -1e4, 1e4 - 1])
    logits[7] = -1e4
    labels = torch.tensor([0, 1, 2, 3, 0, 1, 3, 2])
    other = normal(rng, 8, 4)
    variable = leaf(logits)
    log_prob = distributions.Categorical(logits=variable).log_prob(labels)
    p, q = distributions.Categorical(logits=logits), distributions.Categorical(logits=other)
    return {"logits": logits, "labels": labels, "other_logits": other, "log_prob": log_prob,
            "dlogits": torch.autograd.grad(log_prob.sum(), variable)[0],
            "entropy": p.entropy(), "kl": distributions.kl_divergence(p, q)}


def normal_case(rng):
    leaves = {name: leaf(normal(rng, 6, 3)) for name in ("x", "mean", "log_std")}
    p = distributions.Normal(leaves["mean"], leaves["log_std"].exp())
    other = {"other_mean": normal(rng, 6, 3), "other_log_std": normal(rng, 6, 3, scale=0.5)}
    q = distributions.Normal(other["other_mean"], other["other_log_std"].exp())
    log_prob = p.log_prob(leaves["x"])
    return {**leaves, **other, "log_prob": log_prob, **gradients(log_prob.sum(), None, leaves),
            "entropy": p.entropy(), "kl": distributions.kl_divergence(p, q)}


def uniform_case(rng):
    """Points on the boundary are left out: PyTorch counts `high` as outside, eigengrad as inside."""
    x = torch.cat([torch.from_numpy(rng.uniform(-1, 2, 8)), torch.tensor([-1.5, 2.5, 9.0])])
    bounds = {"low": -1.0, "high": 2.0, "other_low": -3.0, "other_high": 2.5}
    low, high, other_low, other_high = (torch.tensor(b) for b in bounds.values())
    p = distributions.Uniform(low, high, validate_args=False)
    q = distributions.Uniform(other_low, other_high, validate_args=False)
    return {"x": x, **bounds, "log_prob": p.log_prob(x), "entropy": p.entropy(),
            "kl": distributions.kl_divergence(p, q)}


def make_distributions():
    arrays, rng = {}, np.random.RandomState(300)
    for name, case in {"bernoulli": bernoulli_case, "categorical": categorical_case, "normal": normal_case,
                       "uniform": uniform_case}.items():
        add(arrays, name + ".", case(rng))
    return arrays


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    torch.set_num_threads(1)  # one order of summation
    torch.set_default_dtype(torch.float64)
    makers = {"conv2d": make_conv2d, "conv_transpose2d": make_conv_transpose2d, "batch_norm": make_batch_norm,
              "distributions": make_distributions, "infogan_step": make_infogan_step}
    for name, make in makers.items():
        path = os.path.join(folder, name + ".safetensors")
        arrays = make()
        save(path, arrays)
        print("%s: %d arrays, %d bytes" % (path, len(arrays), os.path.getsize(path)))


if __name__ == "__main__":
    main()
