"""Clients of the outside: video and webcams by FFmpeg (PyAV), pictures and JPEG by Pillow."""
