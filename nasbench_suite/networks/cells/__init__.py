"""Networks around a cell: the macro skeleton, one cell network per architecture, and the supernet of all of them."""
