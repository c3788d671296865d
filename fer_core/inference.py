"""Runs a TFLite network on the CPU, by LiteRT."""

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_THREADS = 2  # of one network: more gain little, and hosts limited to two cores often show many
MAX_SHAPES = 6  # of inputs, for which a network stays allocated


_limit: int | None = None


def limit_threads(count: int) -> None:
    """Limit the threads of OpenCV and of networks that are loaded from now on, in this process.

    Raises:
        ValueError: `count` is less than one.
    """
    if count < 1:
        raise ValueError(f"a network needs at least one thread, not {count}")
    global _limit  # noqa: PLW0603  as OpenCV's own, it belongs to the process
    _limit = count
    cv2.setNumThreads(count)


def _cores() -> int:
    """Count the cores that this process may use; all of the machine where that is unknown."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Network:
    """Runs a TFLite network. One instance may be shared by any number of threads.

    LiteRT allocates memory and packs weights for one input shape, which can take longer than
    inference; the last `MAX_SHAPES` shapes stay allocated.
    """

    def __init__(self, content: bytes, threads: int | None = None) -> None:
        """Read the network from the content of a TFLite file, with one input.

        Args:
            content: of the file.
            threads: that it uses; a tiny network is faster with one. Up to `MAX_THREADS` when None.

        Raises:
            ValueError: it is not a TFLite file.
        """
        self._content = content
        self._threads = threads or _limit or min(MAX_THREADS, _cores())
        self._prepared: OrderedDict[tuple[int, ...], _Prepared] = OrderedDict()
        self._lock = threading.Lock()
        with self._lock:
            self._prepare(None)

    def run(self, inputs: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Run the network on one input.

        Args:
            inputs: float32, of a shape that the network accepts.

        Returns:
            Outputs by the names of the file's signature, or else of its tensors.

        Raises:
            ValueError: another shape or dtype.
        """
        with self._lock:
            prepared = self._prepare(inputs.shape)
            prepared.interpreter.set_tensor(prepared.input, inputs)
            prepared.interpreter.invoke()
            get = prepared.interpreter.get_tensor
            return {name: get(output) for name, output in prepared.outputs.items()}

    def _prepare(self, shape: tuple[int, ...] | None) -> "_Prepared":
        """Allocate the network for an input shape; for the file's own when None."""
        if shape is not None and shape in self._prepared:
            self._prepared.move_to_end(shape)
            return self._prepared[shape]
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=self._content, num_threads=self._threads)
        (details,) = interpreter.get_input_details()
        index, own_shape = details["index"], tuple(details["shape"].tolist())
        if shape is not None:
            interpreter.resize_tensor_input(index, shape)
        try:
            interpreter.allocate_tensors()
        except RuntimeError as error:
            raise ValueError(f"this network cannot take inputs of shape {shape}") from error
        while len(self._prepared) >= MAX_SHAPES:
            self._prepared.popitem(last=False)
        prepared = _Prepared(interpreter, index, _named_outputs(interpreter))
        self._prepared[shape or own_shape] = prepared
        return prepared


class _Prepared(NamedTuple):
    interpreter: Any
    input: int
    outputs: dict[str, int]


def _named_outputs(interpreter: Any) -> dict[str, int]:
    signatures = list(interpreter.get_signature_list())
    if signatures:
        details = interpreter.get_signature_runner(signatures[0]).get_output_details()
        return {name: detail["index"] for name, detail in details.items()}
    return {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
