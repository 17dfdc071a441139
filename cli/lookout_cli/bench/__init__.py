"""What Lookout costs and how fast it is, as ratios within one run. Each module is one of the scenarios."""
