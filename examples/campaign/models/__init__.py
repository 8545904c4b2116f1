"""What goes into the campaign's steps and what comes out of them."""
