"""A workflow of 13 steps that turns a brief into a campaign: `campaign.build.v1`, offline."""
