"""Clients of the outside: video by PyAV, webcams and pictures by OpenCV."""
