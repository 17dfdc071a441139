"""The stream: ports in our own words, Kafka and memory behind them, the runner, the follower, dead letters."""
