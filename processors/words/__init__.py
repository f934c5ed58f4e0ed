"""How is a decision told to people? The words for every code, in each language, and the message made of them."""
