"""The run engine beside others, under loads that all of them can carry."""
