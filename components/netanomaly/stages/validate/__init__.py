"""The data gate: is this data fit to train and to judge a model on?"""
