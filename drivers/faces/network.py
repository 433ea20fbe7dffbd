"""dlib's recognition network for OpenCV: the same vectors in an eighth of the time.

One face takes 80 ms in dlib, with the interpreter locked; the same network takes 10 ms in
`cv2.dnn`, which lets others run meanwhile (face.md section 2). Its layout is that of dlib's
`dnn_face_recognition_ex.cpp`; the weights are read out of dlib's file and kept converted.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from drivers.faces.dlib_weights import Convolution, Weights, read_weights
from drivers.faces.onnx_writer import Graph

CHIP_PX = 150
"""The network looks at faces that were turned upright and scaled to this: width and height."""

CHANNEL_MEANS = (122.782, 117.001, 104.298)
"""Of red, green and blue, and what they are divided by then: as the network was trained."""
CHANNEL_SCALE = 256.0

FORMAT = b"sentrypost faces network 1\n"
"""At the head of a kept file. Another way to convert is another number."""
DIGEST_BYTES = 32

STAGES = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))
"""Filters and blocks of each stage; all but the first begin by halving the picture."""

POOLED_PX = 35
"""What is left of 150 pixels behind the first convolution and its pooling."""


def converted(source: Path, folder: Path | None) -> bytes:
    """The network as ONNX, out of `folder` if it was kept there, else converted and kept.

    The kept file is named for the digest of its source and holds that of its content: one that is
    damaged, or of another source, is made anew. It stands as safe as the folder: who may write
    there could put another network in, which is why `engine` compares with dlib at each start.
    A folder that cannot be written to costs half a second at each start and nothing else. Raises
    OSError and ValueError where the source cannot be read or is something else.
    """
    data = source.read_bytes()
    digest = hashlib.sha256(data).digest()
    kept = folder / f"network-{digest.hex()[:32]}.bin" if folder else None
    if kept is not None and (network := _read_kept(kept, digest)) is not None:
        return network
    network = to_onnx(read_weights(data))
    if kept is not None:
        with suppress(OSError):
            _keep(kept, digest, network)
    return network


def _read_kept(path: Path, source_digest: bytes) -> bytes | None:
    """The network in a kept file; None where there is none, or not as it was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head = FORMAT + source_digest
    if not data.startswith(head):
        return None
    digest = data[len(head) : len(head) + DIGEST_BYTES]
    network = data[len(head) + DIGEST_BYTES :]
    return network if hashlib.sha256(network).digest() == digest else None


def _keep(path: Path, source_digest: bytes, network: bytes) -> None:
    """Written aside and renamed: a cut leaves the old file or none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}")
    try:
        aside.write_bytes(FORMAT + source_digest + hashlib.sha256(network).digest() + network)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


class _Layout:
    """The network as it is put together: what comes out of the last node, and of which size."""

    def __init__(self, weights: Weights) -> None:
        self.graph = Graph("dlib_resnet")
        self._left: Iterator[Convolution] = iter(weights.convolutions)
        self._px = POOLED_PX
        self._channels = STAGES[0][0]

    def convolution(self, source: str, *, stride: int) -> str:
        """The next one. dlib pads where it does not stride."""
        weight, bias = next(self._left)
        rows, columns = weight.shape[2:]
        margin = 0 if stride > 1 else rows // 2
        inputs = [source, self.graph.constant(weight), self.graph.constant(bias)]
        return self.graph.node(
            "Conv",
            inputs,
            kernel_shape=[rows, columns],
            strides=[stride, stride],
            pads=[margin] * 4,
        )

    def rectified(self, source: str) -> str:
        return self.graph.node("Relu", [source])

    def block(self, source: str, filters: int, *, halve: bool) -> str:
        """Two convolutions, and what went in added to what comes out."""
        inner = self.rectified(self.convolution(source, stride=2 if halve else 1))
        inner = self.convolution(inner, stride=1)
        if halve:
            inner, source = self._halved(inner, source, filters)
        return self.rectified(self.graph.node("Add", [source, inner]))

    def _halved(self, inner: str, source: str, filters: int) -> tuple[str, str]:
        """Both ways brought to one size: dlib adds zeros to whichever is smaller."""
        inner_px, source_px = (self._px - 3) // 2 + 1, (self._px - 2) // 2 + 1
        largest = max(inner_px, source_px)
        source = self.graph.node("AveragePool", [source], kernel_shape=[2, 2], strides=[2, 2])
        inner = self._padded(inner, 0, largest - inner_px)
        source = self._padded(source, filters - self._channels, largest - source_px)
        self._px, self._channels = largest, filters
        return inner, source

    def _padded(self, source: str, channels: int, px: int) -> str:
        """Zeros behind the last channel, row and column."""
        if not channels and not px:
            return source
        pads = self.graph.constant(np.array([0, 0, 0, 0, 0, channels, px, px], np.int64))
        return self.graph.node("Pad", [source, pads], mode="constant")


def to_onnx(weights: Weights) -> bytes:
    """The network: (n, 3, 150, 150) red, green, blue in; (n, 128) out."""
    layout = _Layout(weights)
    out = layout.rectified(layout.convolution("chips", stride=2))
    out = layout.graph.node("MaxPool", [out], kernel_shape=[3, 3], strides=[2, 2])
    for stage, (filters, blocks) in enumerate(STAGES):
        for block in range(blocks):
            out = layout.block(out, filters, halve=stage > 0 and block == 0)
    out = layout.graph.node("GlobalAveragePool", [out])
    out = layout.graph.node("Flatten", [out], axis=1)
    out = layout.graph.node("MatMul", [out, layout.graph.constant(weights.projection)])
    return layout.graph.model(
        ("chips", (3, CHIP_PX, CHIP_PX)), (out, (weights.projection.shape[1],))
    )
