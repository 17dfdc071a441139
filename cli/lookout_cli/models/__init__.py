"""Model packs on the command line: pulling files, and preparing them for onnxruntime."""
