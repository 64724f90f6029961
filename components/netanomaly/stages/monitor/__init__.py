"""Judge a window of traffic by what was usual in training, and say whether to train again."""
