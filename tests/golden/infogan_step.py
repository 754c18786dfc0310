"""One step of InfoGAN on small networks: losses, gradients of both steps, D's parameters after Adam."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import distributions

from golden import add, batch_norm, conv2d, conv_transpose2d, leaf, normal

BATCH, SIZE, FEATURES, HIDDEN, Q_HIDDEN = 5, 8, (3, 4), 6, 5
NOISE, CLASSES, CONTINUOUS = 4, 3, 2
LAMBDA_CATEGORICAL, LAMBDA_CONTINUOUS, LEAK = 1.0, 0.1, 0.1


def infogan_parameters(rng):
    quarter, (f1, f2) = SIZE // 4, FEATURES
    flat, latent, outputs = quarter * quarter * f2, NOISE + CLASSES + CONTINUOUS, CLASSES + 2 * CONTINUOUS
    weights = {
        "trunk.conv1": (4, 4, 1, f1), "trunk.conv2": (4, 4, f1, f2), "trunk.norm2": f2,
        "trunk.fc": (flat, HIDDEN), "trunk.norm3": HIDDEN, "discriminator": (HIDDEN, 1),
        "q.fc": (HIDDEN, Q_HIDDEN), "q.norm": Q_HIDDEN, "q.out": (Q_HIDDEN, outputs),
        "generator.fc1": (latent, HIDDEN), "generator.norm1": HIDDEN, "generator.fc2": (HIDDEN, flat),
        "generator.norm2": f2, "generator.upconv1": (4, 4, f1, f2), "generator.norm3": f1,
        "generator.upconv2": (4, 4, 1, f1),
    }
    biases = {"trunk.conv1": f1, "discriminator": 1, "q.out": outputs, "generator.upconv2": 1}
    parameters = {}
    for name, shape in weights.items():
        if isinstance(shape, int):
            parameters[name + ".gamma"] = normal(rng, shape, scale=0.2, shift=1)
            parameters[name + ".beta"] = normal(rng, shape, scale=0.2)
        else:
            parameters[name + ".weight"] = normal(rng, *shape, scale=0.4)
        if name in biases:
            parameters[name + ".bias"] = normal(rng, biases[name], scale=0.3)
    parameters["q.out.bias"][-1] += 2  # so that the clamp holds the last log std for a part of the batch
    return {name: leaf(value) for name, value in parameters.items()}


def norm(p, name, x):
    return batch_norm(x, p[name + ".gamma"], p[name + ".beta"])


def trunk(p, x):
    x = F.leaky_relu(conv2d(x, p["trunk.conv1.weight"], p["trunk.conv1.bias"], 2, 1), LEAK)
    x = F.leaky_relu(norm(p, "trunk.norm2", conv2d(x, p["trunk.conv2.weight"], None, 2, 1)), LEAK)
    x = x.reshape(x.shape[0], -1)  # in the order row, column, channel
    return F.leaky_relu(norm(p, "trunk.norm3", x @ p["trunk.fc.weight"]), LEAK)


def discriminator(p, features):
    return features @ p["discriminator.weight"] + p["discriminator.bias"]


def q_head(p, features):
    hidden = F.leaky_relu(norm(p, "q.norm", features @ p["q.fc.weight"]), LEAK)
    return hidden @ p["q.out.weight"] + p["q.out.bias"]


def generator(p, latent):
    x = F.relu(norm(p, "generator.norm1", latent @ p["generator.fc1.weight"]))
    x = (x @ p["generator.fc2.weight"]).reshape(-1, SIZE // 4, SIZE // 4, FEATURES[1])
    x = F.relu(norm(p, "generator.norm2", x))
    x = F.relu(norm(p, "generator.norm3", conv_transpose2d(x, p["generator.upconv1.weight"], None, 2, 1)))
    return torch.sigmoid(
        conv_transpose2d(x, p["generator.upconv2.weight"], p["generator.upconv2.bias"], 2, 1))


def code_loss(q, category, continuous):
    """-lambda log q(c|x), means over the batch, summed over the codes."""
    mean, raw = q[:, CLASSES:CLASSES + CONTINUOUS], q[:, CLASSES + CONTINUOUS:]
    held = ((raw < -4) | (raw > 2)).sum()
    assert 0 < held < raw.numel(), "the clamp should hold some log stds, not all"
    log_normal = distributions.Normal(mean, raw.clamp(-4, 2).exp()).log_prob(continuous)
    return LAMBDA_CATEGORICAL * F.cross_entropy(q[:, :CLASSES], category) \
        - LAMBDA_CONTINUOUS * log_normal.mean(0).sum()


def named_gradients(loss, parameters):
    return dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()), retain_graph=True)))


def adam_step(parameters, grads):
    after = {name: leaf(value.detach()) for name, value in parameters.items()}
    for name, value in after.items():
        value.grad = grads[name].clone()
    torch.optim.Adam(after.values(), lr=2e-4, betas=(0.5, 0.999), eps=1e-8).step()
    return after


def make_infogan_step():
    rng = np.random.RandomState(400)
    p = infogan_parameters(rng)
    inputs = {
        "real": torch.from_numpy(rng.uniform(0, 1, (BATCH, SIZE, SIZE, 1))),
        "noise": normal(rng, BATCH, NOISE),
        "category": torch.from_numpy(rng.randint(0, CLASSES, BATCH).astype(np.int64)),
        "continuous": torch.from_numpy(rng.uniform(-1, 1, (BATCH, CONTINUOUS))),
    }
    one_hot = F.one_hot(inputs["category"], CLASSES).double()
    latent = torch.cat([inputs["noise"], one_hot, inputs["continuous"]], 1)
    fake = generator(p, latent)
    arrays = {**inputs, "latent": latent, "fake": fake}
    add(arrays, "parameter.", p)

    # D step: D's loss - lambda L_I (without the constant entropy) over trunk, D and Q; fake is constant.
    of_generator = {name: value for name, value in p.items() if name.startswith("generator.")}
    of_d = {name: value for name, value in p.items() if name not in of_generator}
    fake_features = trunk(p, fake.detach())
    real_logit, fake_logit = discriminator(p, trunk(p, inputs["real"])), discriminator(p, fake_features)
    q = q_head(p, fake_features)
    loss_d = F.softplus(-real_logit).mean() + F.softplus(fake_logit).mean()
    loss_q = code_loss(q, inputs["category"], inputs["continuous"])
    d_gradients = named_gradients(loss_d + loss_q, of_d)
    arrays.update({"real_logit": real_logit, "fake_logit": fake_logit, "q": q})
    arrays.update({"loss_d": loss_d, "loss_q": loss_q})
    add(arrays, "d_step.", d_gradients)
    add(arrays, "d_adam.", adam_step(of_d, d_gradients))

    # G step with the same parameters: nothing was updated.
    features = trunk(p, fake)
    logit = discriminator(p, features)
    loss_q_of_g = code_loss(q_head(p, features), inputs["category"], inputs["continuous"])
    loss_g, loss_g_saturating = F.softplus(-logit).mean(), -F.softplus(logit).mean()
    assert torch.equal(loss_q_of_g, loss_q)
    arrays.update({"loss_g": loss_g, "loss_g_saturating": loss_g_saturating})
    add(arrays, "g_step.", named_gradients(loss_g + loss_q_of_g, of_generator))
    add(arrays, "g_step_saturating.", named_gradients(loss_g_saturating + loss_q_of_g, of_generator))
    return arrays
