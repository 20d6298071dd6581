"""What TensorBoard shows, as its protobuf summaries: points of curves, pictures, precision-recall curves, settings."""

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

THRESHOLDS = 127  # of a precision-recall curve; its file format holds no more
_SIZE_OF_PNG = slice(16, 24)  # width and height
_RGBA = 4


def points(values: Mapping[str, float]) -> Any:
    """Return a point of each curve; what is not defined there, or infinite, has none."""
    defined = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items() if math.isfinite(value)]
    return Summary(value=defined)


def picture(tag: str, png: bytes) -> Any:
    """Return a picture that is a PNG file already."""
    width, height = struct.unpack(">II", png[_SIZE_OF_PNG])
    image = Summary.Image(width=width, height=height, colorspace=_RGBA, encoded_image_string=png)
    return Summary(value=[Summary.Value(tag=tag, image=image)])


def precision_recall(curves: Iterable[tuple[str, NDArray[np.int64], NDArray[np.float64]]]) -> Any:
    """Return interactive precision-recall curves.

    Args:
        curves: tag, 0/1 truth (V,) and scores (V,) between 0 and 1 of each.
    """
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

    about = PrCurvePluginData(version=0, num_thresholds=THRESHOLDS).SerializeToString()
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in (6, THRESHOLDS)])
    values = []
    for tag, truth_V, scores_V in curves:
        numbers = counts_at_thresholds(truth_V, scores_V).ravel().tolist()
        tensor = TensorProto(dtype="DT_FLOAT", float_val=numbers, tensor_shape=shape)
        values.append(Summary.Value(tag=tag, metadata=_for("pr_curves", about), tensor=tensor))
    return Summary(value=values)


def counts_at_thresholds(truth_V: NDArray[np.int64], scores_V: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (6, T): true and false positives, true and false negatives, precision and recall at T thresholds."""
    bins_V = np.floor(scores_V * (THRESHOLDS - 1)).astype(np.int64).clip(0, THRESHOLDS - 1)
    tp_T, fp_T = (np.bincount(bins_V, weights, THRESHOLDS)[::-1].cumsum()[::-1] for weights in (truth_V, 1.0 - truth_V))
    tn_T, fn_T = fp_T[0] - fp_T, tp_T[0] - tp_T
    precision_T, recall_T = (tp_T / np.maximum(1e-7, tp_T + others_T) for others_T in (fp_T, fn_T))
    return np.stack((tp_T, fp_T, tn_T, fn_T, precision_T, recall_T))


def settings(hparams: Mapping[str, bool | float | str], metrics: Sequence[str]) -> Any:
    """Return the settings of a run, and the names of the metrics it is compared by."""
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    start = plugin_data_pb2.SessionStartInfo()
    infos = []
    for name, value in hparams.items():
        of_value, kind = _kind(value)
        setattr(start.hparams[name], of_value, value)
        infos.append(api_pb2.HParamInfo(name=name, type=kind))
    named = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag)) for tag in metrics]
    parts = {
        "experiment": api_pb2.Experiment(hparam_infos=infos, metric_infos=named),
        "session_start_info": start,
        "session_end_info": plugin_data_pb2.SessionEndInfo(status="STATUS_SUCCESS"),
    }
    values = []
    for part, content in parts.items():
        about = plugin_data_pb2.HParamsPluginData(version=0, **{part: content}).SerializeToString()
        values.append(Summary.Value(tag=f"_hparams_/{part}", metadata=_for("hparams", about)))
    return Summary(value=values)


def _kind(value: bool | float | str) -> tuple[str, str]:
    if isinstance(value, bool):
        return "bool_value", "DATA_TYPE_BOOL"
    return ("string_value", "DATA_TYPE_STRING") if isinstance(value, str) else ("number_value", "DATA_TYPE_FLOAT64")


def _for(plugin: str, content: bytes) -> Any:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content))
