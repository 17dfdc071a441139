"""The one place where models are opened: onnxruntime with every option set explicitly."""

from typing import Protocol

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from lookout.vision.arrays import FloatArray
from lookout.vision.errors import ModelLoadError
from lookout.vision.execution import ExecutionProvider

_REFUSALS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


def require_provider(provider: ExecutionProvider) -> None:
    """Refuse a provider that the installed onnxruntime lacks: a service never computes elsewhere than it was told.

    Raises:
        ModelLoadError: it is absent; the text says what is there and what to do.
    """
    there = ort.get_available_providers()
    if provider.in_onnxruntime not in there:
        raise ModelLoadError(
            f"execution provider {provider} ({provider.in_onnxruntime}) is not available here, there are"
            f" {', '.join(there)}: install the onnxruntime build that has it (for cuda onnxruntime-gpu), or set"
            " LOOKOUT_ONNX_PROVIDER=cpu"
        )


class ModelRunner(Protocol):
    """One tensor in, named tensors out."""

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        """Outputs by name, float32; blocks until done; safe to call from several threads."""
        ...


class OnnxRunner:
    """A model in onnxruntime, with one input."""

    def __init__(
        self,
        model: bytes,
        *,
        threads: int = 1,
        provider: ExecutionProvider = ExecutionProvider.CPU,
    ) -> None:
        """Open a model.

        Args:
            model: the ONNX file's bytes, verified by the caller.
            threads: threads within one run; workers of one thread each beat one of several.
            provider: the execution provider; there is no silent fallback to another.

        Raises:
            ModelLoadError: the runtime refuses the model, or lacks the provider.
        """
        require_provider(provider)
        name = provider.in_onnxruntime
        try:
            self._session = ort.InferenceSession(
                model, sess_options=_options(threads), providers=[name]
            )
        except _REFUSALS as error:
            raise ModelLoadError(f"onnxruntime refuses the model: {error}") from error
        # onnxruntime itself goes on with the CPU where a provider cannot start: no driver, no device.
        if name not in self._session.get_providers():
            raise ModelLoadError(
                f"execution provider {provider} did not start: is its device and driver there?"
                " Set LOOKOUT_ONNX_PROVIDER=cpu to do without"
            )
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
