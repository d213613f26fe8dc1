"""A tiny session through the deployed stage, from enrolment to restore: `smoke`."""
