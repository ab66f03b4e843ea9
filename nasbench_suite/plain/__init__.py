"""Reading pickles and archives of others as plain data: nothing in them is executed."""
