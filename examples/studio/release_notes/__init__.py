"""Release notes, drafted from commit subjects and reviewed by a person."""
