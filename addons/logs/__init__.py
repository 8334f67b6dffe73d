"""What is logged: a line for each request, and how lines get out of the process."""
