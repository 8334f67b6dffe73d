"""What is measured: a table of metrics, what counts them, and who may read them."""
