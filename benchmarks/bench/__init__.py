"""Suites and how they are run and judged: runner, jobs, forecast, leaderboard, statistics."""
