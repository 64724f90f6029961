"""How a trial ends. Loads no library: who starts trials and who counts them need the words alone."""

COMPLETE, STOPPED, FAILED, NOT_RUN = "complete", "stopped", "failed", "not_run"
