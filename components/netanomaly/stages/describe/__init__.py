"""Write down how a model came to be."""
