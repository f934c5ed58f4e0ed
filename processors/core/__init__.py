"""What is decided for a customer's events? The pure core: standard library only, no clock, no I/O, no randomness."""
