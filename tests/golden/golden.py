"""What the scripts of this folder share: files, random inputs, and operations in eigengrad's layouts."""

import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

EPSILON = 1e-5


def save(path, arrays):
    """Writes arrays in the safetensors format: header length (8 bytes, little-endian), JSON header, data."""
    header, data, end = {}, [], 0
    for name, value in arrays.items():
        value = value.detach().numpy() if torch.is_tensor(value) else np.asarray(value)
        dtype = "I64" if value.dtype.kind == "i" else "F64"
        assert value.dtype == (np.int64 if dtype == "I64" else np.float64), (name, value.dtype)
        assert not np.isnan(value).any(), name
        raw = np.ascontiguousarray(value).astype("<i8" if dtype == "I64" else "<f8").tobytes()
        header[name] = {"dtype": dtype, "shape": list(value.shape), "data_offsets": [end, end + len(raw)]}
        end += len(raw)
        data.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data then starts at a multiple of 8
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def normal(rng, *shape, scale=1.0, shift=0.0):
    return torch.from_numpy(np.asarray(shift + scale * rng.standard_normal(shape)))


def leaf(tensor):
    return tensor.clone().requires_grad_()


def gradients(y, dy, leaves):
    """{"d" + name: gradient} of <dy, y>."""
    return {"d" + name: g for name, g in zip(leaves, torch.autograd.grad(y, list(leaves.values()), dy))}


def add(arrays, prefix, values):
    arrays.update({prefix + name: value for name, value in values.items()})


def to_channels_first(x):
    return x.permute(0, 3, 1, 2)


def to_channels_last(x):
    return x.permute(0, 2, 3, 1)


def conv2d(x, w, bias=None, stride=1, padding=0):
    return to_channels_last(F.conv2d(to_channels_first(x), w.permute(3, 2, 0, 1), bias, stride, padding))


def conv_transpose2d(x, w, bias=None, stride=1, padding=0, output_padding=0):
    # PyTorch wants [Cin, Cout, Kh, Kw]: of [Kh, Kw, Cout, Cin] the same permutation as for conv2d.
    y = F.conv_transpose2d(to_channels_first(x), w.permute(3, 2, 0, 1), bias, stride, padding, output_padding)
    return to_channels_last(y)


def batch_norm(x, gamma, beta, mean=None, variance=None):
    """With batch statistics, or with the given ones; features are the last axis."""
    rows = x.reshape(-1, x.shape[-1])
    y = F.batch_norm(rows, mean, variance, gamma, beta, training=mean is None, eps=EPSILON)
    return y.reshape(x.shape)
