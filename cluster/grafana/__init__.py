"""`tuner.json`, a Grafana board of searches: best value, trials, failures, speed, slots."""
