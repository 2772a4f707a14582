"""Where a search or a training run is executed: it receives commands, files and resources only."""
