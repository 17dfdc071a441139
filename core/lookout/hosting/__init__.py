"""What hosts a service: settings that all share, the platform it stands on, and the process around it."""
