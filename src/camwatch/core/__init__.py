"""The judgement: pure, no clock, no socket, no await, no logger."""
