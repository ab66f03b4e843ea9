"""Offer nothing."""

ANSWER = 42
