"""Running programs safely: an interpreter of our own and limited worker processes."""
