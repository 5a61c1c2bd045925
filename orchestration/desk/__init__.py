"""What people can look at and do: each once, for the command line and for HTTP."""
