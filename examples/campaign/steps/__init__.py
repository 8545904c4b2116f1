"""The steps of the campaign, one module each. The names of their parameters say what they receive."""
