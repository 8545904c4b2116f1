"""The run engine compared with other engines, under loads that all of them can run."""
