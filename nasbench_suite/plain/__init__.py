"""Reading pickles, archives and texts of others as plain data: nothing in them is executed."""
