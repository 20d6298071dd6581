"""The whole results that summaries are made of are those that reports show."""

from tests.report.conftest import fake_result

__all__ = ["fake_result"]
