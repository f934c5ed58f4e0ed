"""What does the journal prove, and what does it tell? Read, verified, explained and exported here; nothing is written to Kafka."""
