"""Inputs shared by the loss tests."""

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st

EXTREMES = [0.0, 1.0, -1.0, 20.0, -20.0, 200.0, -200.0, 1e4, -1e4]
GAMMAS = [0.0, 0.5, 1.0, 2.0, 5.0]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]

repeatable = settings(max_examples=80, deadline=None, derandomize=True)


@st.composite
def logits_and_classes(draw, dtypes=(torch.float32, torch.float64)):
    """Logits (B, C) mixing ordinary and extreme values, and class indices (B,)."""
    rows, classes = draw(st.integers(1, 6)), draw(st.integers(2, 5))
    value = st.one_of(st.sampled_from(EXTREMES), st.floats(-30, 30, width=16))
    logits = draw(st.lists(value, min_size=rows * classes, max_size=rows * classes))
    target = draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows))
    dtype = draw(st.sampled_from(dtypes))
    return torch.tensor(logits, dtype=dtype).reshape(rows, classes), torch.tensor(target)


@st.composite
def logits_and_labels(draw, dtypes=(torch.float32, torch.float64)):
    """Logits (B, L) mixing ordinary and extreme values, and labels (B, L) of 0/1."""
    logits_BL, _ = draw(logits_and_classes(dtypes))
    size = logits_BL.numel()
    labels = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    return logits_BL, torch.tensor(labels).reshape(logits_BL.shape)


def ordinary_and_extreme_rows(n_columns, n_rows=40):
    """Logits (2 n_rows, n_columns) in float64, rounded to float32: normal ones, wider and wider, then ``EXTREMES``."""
    generator = torch.Generator().manual_seed(n_columns)
    normal = torch.randn(n_rows, n_columns, generator=generator) * torch.linspace(0.5, 12.0, n_rows)[:, None]
    extreme = torch.tensor(EXTREMES)[torch.randint(len(EXTREMES), (n_rows, n_columns), generator=generator)]
    return torch.cat([normal, extreme]).double()


def close(actual, expected):
    """Equal within the precision of ``actual``."""
    expected = torch.as_tensor(expected)
    rtol, atol = (1e-9, 1e-12) if actual.dtype == torch.float64 else (2e-5, 1e-6)
    torch.testing.assert_close(actual.double(), expected.double(), rtol=rtol, atol=atol)


def finite_with_gradient(loss, logits, target):
    """The loss (B,) is finite and not negative, and so is every entry of its gradient."""
    logits = logits.clone().requires_grad_()
    value_B = loss(logits, target)
    value_B.sum().backward()
    return bool(value_B.isfinite().all() and (value_B >= 0).all() and logits.grad.isfinite().all())


def reference_softmax_focal(logits_BC, target_B, gamma, alpha_C):
    """Multi-class focal loss (B,) straight from its definition, NumPy extended precision."""
    z_BC = logits_BC.detach().double().numpy().astype(np.longdouble)
    rows, target_B = np.arange(len(z_BC)), target_B.numpy()
    z_BC = z_BC - z_BC.max(axis=1, keepdims=True)
    log_p_BC = z_BC - np.log(np.exp(z_BC).sum(axis=1, keepdims=True))
    p_BC = np.exp(log_p_BC)
    p_BC[rows, target_B] = 0  # the sum of the others is 1 - p_t without cancellation
    rest_B = p_BC.sum(axis=1)
    alpha_B = np.asarray(alpha_C, dtype=np.longdouble)[target_B]
    return (-alpha_B * rest_B**gamma * log_p_BC[rows, target_B]).astype(np.float64)
