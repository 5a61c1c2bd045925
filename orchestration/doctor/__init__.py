"""Checks of what is around a fleet: facts go in, findings come out, each with its cure."""
