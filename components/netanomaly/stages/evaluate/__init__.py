"""The evaluate stage: a model is judged on rows it was not fitted on."""
