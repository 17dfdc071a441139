"""What embedding needs from outside: an embedder. Authority, keyring and clock are the core's own ports."""

from lookout.vision.embedder import Embedder, ModelOutputError

__all__ = ["Embedder", "ModelOutputError"]
