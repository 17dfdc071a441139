"""A Qdrant server as the gallery.

The same class as for local mode, which the contract suite runs on; what only a server shows (its network, its refusals,
its optimizer) is not proved here: no server was to be had where this was written.
"""

from pathlib import Path

from qdrant_client import QdrantClient, models

from lookout_matching.adapters.qdrant import QdrantGallery
from lookout_matching.ports import GalleryError


def server_gallery(
    *, url: str, api_key: str | None, ca: Path | None, timeout_s: int
) -> QdrantGallery:
    """A gallery on the server at ``url``.

    Templates are biometric: off this machine they travel over TLS, and with a key, or not at all.

    Raises:
        GalleryError: the URL is empty, or plain HTTP to another machine, or there is no key for one.
    """
    local = url.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:"))
    if not local and not (url.startswith("https://") and api_key):
        raise GalleryError(
            "a Qdrant server on another machine needs an https:// URL and an API key: set "
            "LOOKOUT_MATCHING_GALLERY_URL and LOOKOUT_MATCHING_GALLERY_API_KEY_FILE"
        )
    client = QdrantClient(
        url=url,
        api_key=api_key,
        timeout=timeout_s,
        verify=str(ca) if ca else True,
        # It only warns, on a thread of its own; versions are pinned together where both are deployed.
        check_compatibility=False,
    )
    return QdrantGallery(client=client, search=models.SearchParams(exact=True, indexed_only=False))
