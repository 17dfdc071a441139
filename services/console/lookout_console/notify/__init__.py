"""Telling others what happened: signed webhooks, web push to handsets, and other channels. Never whom it concerns."""
