"""What would have been decided, from files alone? Canonical replay of policy.md 9.4, without Kafka."""
