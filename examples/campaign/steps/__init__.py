"""The steps of the campaign, one module each. Their parameters name what they get."""
