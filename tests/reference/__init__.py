"""What does policy.md say, read naively? An independent second reading to compare the core with."""
