import pytest

from tasks.report import ReportContent
from tests.tasks.sheets import harbor


@pytest.fixture
def content() -> ReportContent:
    return harbor()
