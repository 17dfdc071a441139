"""Parts of the platform that one machine runs for itself, without containers: started, watched and stopped by us."""
