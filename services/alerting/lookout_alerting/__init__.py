"""Alerting: matches in, one alert per person out."""
