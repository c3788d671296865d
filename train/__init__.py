"""Training and evaluation of the emotion model; see README.md beside this file."""
