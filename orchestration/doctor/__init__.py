"""What is wrong around a fleet, and the cure of each: facts go in, findings come out."""
