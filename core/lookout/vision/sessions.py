"""The one place where models are opened: onnxruntime with every option set explicitly."""

from typing import Protocol

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from lookout.vision.arrays import FloatArray
from lookout.vision.errors import ModelLoadError

_REFUSALS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


class ModelRunner(Protocol):
    """One tensor in, named tensors out."""

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        """Outputs by name, float32; blocks until done; safe to call from several threads."""
        ...


class OnnxRunner:
    """A model in onnxruntime, with one input."""

    def __init__(
        self, model: bytes, *, threads: int = 1, provider: str = "CPUExecutionProvider"
    ) -> None:
        """Open a model.

        Args:
            model: the ONNX file's bytes, verified by the caller.
            threads: threads within one run; workers of one thread each beat one of several.
            provider: the execution provider; there is no silent fallback to another.

        Raises:
            ModelLoadError: the runtime refuses the model, or lacks the provider.
        """
        if provider not in ort.get_available_providers():
            raise ModelLoadError(
                f"execution provider {provider} is not available here;"
                f" there are {', '.join(ort.get_available_providers())}"
            )
        try:
            self._session = ort.InferenceSession(
                model, sess_options=_options(threads), providers=[provider]
            )
        except _REFUSALS as error:
            raise ModelLoadError(f"onnxruntime refuses the model: {error}") from error
        if provider not in self._session.get_providers():
            raise ModelLoadError(f"onnxruntime did not take execution provider {provider}")
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelLoadError(f"a model must have one input, but this has {len(inputs)}")
        self._input = str(inputs[0].name)
        self._outputs = [str(output.name) for output in self._session.get_outputs()]

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        """See `ModelRunner.run`."""
        results = self._session.run(self._outputs, {self._input: tensor})
        return dict(zip(self._outputs, results, strict=True))


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    if threads > 1:
        # Spinning threads would take the cores of the other workers.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
