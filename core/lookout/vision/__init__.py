"""Vision: boxes, alignment, shot quality, detectors, embedders and the packs that name them.

`arrays`, `boxes` and `calibration` reach only numpy; `alignment`, `quality` and `pixelate` reach
OpenCV too; `detector` and `embedder` run models through `sessions`; `pack` ties them together.
"""
