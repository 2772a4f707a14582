"""The rules of programs a second time, and programs at random, for tests and benchmarks."""
