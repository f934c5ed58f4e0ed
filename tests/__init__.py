"""Is it right? Tests, by the part they look at."""
