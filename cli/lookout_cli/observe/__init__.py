"""What there is to watch: the metrics of every service, and the dashboards over them."""
