"""Taking times: the clock, its protocol, statistics and the state of the machine; no torch."""
