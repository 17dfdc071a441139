"""What the console has of the outside: control topics out, alerts and words of services in, models for pictures."""
