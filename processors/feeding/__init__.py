"""How do files get into topics, and how does a person see what a topic holds? The work behind `produce` and `consume`."""
