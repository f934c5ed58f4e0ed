"""How fast is it? Ratios against something else in the same run, with the spread shown."""
