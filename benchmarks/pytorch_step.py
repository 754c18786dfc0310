"""The InfoGAN training step of examples/infogan in PyTorch, as fast as its own means make it on a processor.

    pytorch_step.py CHECK_FILE

CHECK_FILE holds parameters, images and the latent variables of a few steps. Tries both memory formats, and D on real
and generated images in two passes or in one, and keeps the fastest. Prints one line of JSON: what runs here, and what
the given steps report. Then, for every count on standard input, makes a step to warm up and prints the
seconds that so many more take.
"""

import itertools
import json
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

NOISE, CLASSES, CONTINUOUS, LEAK = 62, 10, 2, 0.1
LAMBDA_CATEGORICAL, LAMBDA_CONTINUOUS = 1.0, 0.1
HALF_LOG_2_PI = 0.5 * float(np.log(2 * np.pi))


class Trunk(nn.Module):
    """Image -> features; `parts` of the batch (real, generated) get batch statistics of their own."""

    def __init__(self, channels_last):
        super().__init__()
        self.channels_last = channels_last
        self.conv1 = nn.Conv2d(1, 64, 4, 2, 1)
        self.conv2 = nn.Conv2d(64, 128, 4, 2, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(128)
        self.fc = nn.Linear(6272, 1024, bias=False)
        self.norm3 = nn.BatchNorm1d(1024)

    def forward(self, x, parts=1):
        x = F.leaky_relu(self.conv1(x), LEAK, inplace=True)
        x = F.leaky_relu(by_parts(self.norm2, self.conv2(x), parts), LEAK, inplace=True)
        # In the order of memory, so that no copy is made.
        x = x.permute(0, 2, 3, 1).flatten(1) if self.channels_last else x.flatten(1)
        return F.leaky_relu(by_parts(self.norm3, self.fc(x), parts), LEAK, inplace=True)


class QHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1024, 128, bias=False)
        self.norm = nn.BatchNorm1d(128)
        self.out = nn.Linear(128, CLASSES + 2 * CONTINUOUS)

    def forward(self, features):
        return self.out(F.leaky_relu(self.norm(self.fc(features)), LEAK, inplace=True))


class Generator(nn.Module):
    def __init__(self, channels_last):
        super().__init__()
        self.channels_last = channels_last
        self.fc1 = nn.Linear(NOISE + CLASSES + CONTINUOUS, 1024, bias=False)
        self.norm1 = nn.BatchNorm1d(1024)
        self.fc2 = nn.Linear(1024, 6272, bias=False)
        self.norm2 = nn.BatchNorm2d(128)
        self.upconv1 = nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(64)
        self.upconv2 = nn.ConvTranspose2d(64, 1, 4, 2, 1)

    def forward(self, latent):
        x = self.fc2(F.relu(self.norm1(self.fc1(latent)), inplace=True))
        x = x.view(-1, 7, 7, 128).permute(0, 3, 1, 2) if self.channels_last else x.view(-1, 128, 7, 7)
        x = F.relu(self.norm2(x), inplace=True)
        x = F.relu(self.norm3(self.upconv1(x)), inplace=True)
        return torch.sigmoid(self.upconv2(x))


def by_parts(norm, x, parts):
    return norm(x) if parts == 1 else torch.cat([norm(part) for part in x.chunk(parts)])


class Training:
    def __init__(self, arrays, channels_last, one_pass):
        self.one_pass = one_pass
        self.trunk, self.discriminator, self.q = Trunk(channels_last), nn.Linear(1024, 1), QHead()
        self.generator = Generator(channels_last)
        self.load(arrays, channels_last)
        self.real = torch.from_numpy(arrays["real"]).view(-1, 1, 28, 28)
        if channels_last:
            for module in (self.trunk, self.generator):
                module.to(memory_format=torch.channels_last)
            self.real = self.real.contiguous(memory_format=torch.channels_last)
        self.of_d = [*self.trunk.parameters(), *self.discriminator.parameters()]
        self.of_q = list(self.q.parameters())
        self.adam_d = self.adam(self.of_d, 2e-4)
        self.adam_q = self.adam(self.of_q, 2e-4)
        self.adam_g = self.adam(self.generator.parameters(), 1e-3)

    @staticmethod
    def adam(parameters, learning_rate):
        return torch.optim.Adam(parameters, lr=learning_rate, betas=(0.5, 0.999), eps=1e-8, foreach=True)

    def load(self, arrays, channels_last):
        """Parameters in eigengrad's layouts: kernels [Kh, Kw, in, out], matrices [in, out], features last."""
        for name, module in (("trunk", self.trunk), ("discriminator", self.discriminator), ("q", self.q),
                             ("generator", self.generator)):
            for path, parameter in module.named_parameters():
                owner = module.get_submodule(path.rpartition(".")[0])
                if "norm" in path:
                    path = path.replace("weight", "gamma").replace("bias", "beta")
                value = torch.from_numpy(arrays[f"parameter.{name}.{path}"])
                if value.dim() == 4:
                    value = value.permute(3, 2, 0, 1)
                elif isinstance(owner, nn.Linear) and value.dim() == 2:
                    value = self.flat_order(value, channels_last).t()
                parameter.data.copy_(value)

    @staticmethod
    def flat_order(value, channels_last):
        """Rows or columns that are pixels of 128 channels, in the order that the networks have them in."""
        if channels_last or 6272 not in value.shape:
            return value
        if value.shape[0] == 6272:
            return value.reshape(7, 7, 128, -1).permute(2, 0, 1, 3).reshape(6272, -1)
        return value.reshape(-1, 7, 7, 128).permute(0, 3, 1, 2).reshape(-1, 6272)

    def draw(self):
        n = self.real.shape[0]
        category = torch.randint(CLASSES, (n,))
        continuous = torch.rand(n, CONTINUOUS) * 2 - 1
        return torch.cat([torch.randn(n, NOISE), F.one_hot(category, CLASSES), continuous], 1), category, continuous

    def step(self, latent, category, continuous):
        """One step of D and Q, then one of G on the same generated images; returns what it reports."""
        fake = self.generator(latent)
        real_logit, fake_logit, features = self.discriminate(fake.detach())
        loss_d = F.softplus(-real_logit).mean() + F.softplus(fake_logit).mean()
        loss = loss_d - log_q(self.q(features), category, continuous)
        self.adam_d.zero_grad(set_to_none=True)
        self.adam_q.zero_grad(set_to_none=True)
        loss.backward()
        self.adam_d.step()
        self.adam_q.step()

        self.freeze(True)
        features = self.trunk(fake)
        loss_g = F.softplus(-self.discriminator(features)).mean()
        q = self.q(features)
        loss = loss_g - log_q(q, category, continuous)
        self.adam_g.zero_grad(set_to_none=True)
        loss.backward()
        self.adam_g.step()
        self.freeze(False)
        return loss_d, loss_g, q

    def discriminate(self, fake):
        """Logits of real and generated images, and the features of the latter."""
        if self.one_pass:
            features = self.trunk(torch.cat([self.real, fake]), 2)
            real_logit, fake_logit = self.discriminator(features).chunk(2)
            return real_logit, fake_logit, features.chunk(2)[1]
        real_logit = self.discriminator(self.trunk(self.real))
        features = self.trunk(fake)
        return real_logit, self.discriminator(features), features

    def freeze(self, frozen):
        """In G's step no weight gradients of D and Q are computed."""
        for parameter in itertools.chain(self.of_d, self.of_q):
            parameter.requires_grad_(not frozen)

    def time(self, steps):
        begin = time.perf_counter()
        for _ in range(steps):
            self.step(*self.draw())
        return time.perf_counter() - begin


def log_densities(q, category, continuous):
    """Batch means of log q(c|x): of the class, and of each continuous code."""
    mean, log_std = q[:, CLASSES:CLASSES + CONTINUOUS], q[:, CLASSES + CONTINUOUS:].clamp(-4, 2)
    log_normal = -0.5 * ((continuous - mean) * torch.exp(-log_std)) ** 2 - log_std - HALF_LOG_2_PI
    return -F.cross_entropy(q[:, :CLASSES], category), log_normal.mean(0)


def log_q(q, category, continuous):
    of_class, of_continuous = log_densities(q, category, continuous)
    return LAMBDA_CATEGORICAL * of_class + LAMBDA_CONTINUOUS * of_continuous.sum()


def report(training, arrays):
    """D's loss, G's loss and the information in the codes, of each step that the file has latent variables for."""
    figures = []
    for step in itertools.count():
        if f"step{step}.latent" not in arrays:
            return figures
        latent, category, continuous = (
            torch.from_numpy(arrays[f"step{step}.{name}"]) for name in ("latent", "category", "continuous"))
        loss_d, loss_g, q = training.step(latent, category, continuous)
        with torch.no_grad():
            of_class, of_continuous = log_densities(q, category, continuous)
        entropies = np.log(CLASSES) + CONTINUOUS * np.log(2)
        figures.append([loss_d.item(), loss_g.item(), (of_class + of_continuous.sum()).item() + entropies])


def fastest(arrays):
    best = (float("inf"), None)
    for choice in itertools.product((False, True), (False, True)):
        training = Training(arrays, *choice)
        training.time(1)
        best = min(best, (min(training.time(1) for _ in range(2)), choice))
    return best[1]


def load_safetensors(path):
    types = {"F32": np.float32, "I64": np.int64}
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(data[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
    return arrays


def loaded_blas():
    """The files of the BLAS whose products are in use."""
    with open("/proc/self/maps") as maps:
        return ", ".join(sorted({line.split()[-1] for line in maps if "blas" in line.rpartition("/")[2]}))


def main():
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    arrays = load_safetensors(sys.argv[1])
    channels_last, one_pass = fastest(arrays)
    config = torch.__config__.show().splitlines()
    capability = next(line.split(":")[1].strip() for line in config if "CPU capability" in line)
    about = (f"PyTorch {torch.__version__}, {capability}, {torch.get_num_threads()} threads, "
             f"channels {'last' if channels_last else 'first'}, D in {'one pass' if one_pass else 'two passes'}, "
             f"{loaded_blas()}")
    figures = report(Training(arrays, channels_last, one_pass), arrays)
    training = Training(arrays, channels_last, one_pass)
    training.time(2)
    print(json.dumps({"about": about, "figures": figures}), flush=True)
    for line in sys.stdin:
        training.time(1)  # this process has slept, and the caches hold another one's data
        print(training.time(int(line)), flush=True)


if __name__ == "__main__":
    main()
