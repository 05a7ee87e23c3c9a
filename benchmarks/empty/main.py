"""An empty function: what the server alone costs."""

import functions_framework
from flask import Request


@functions_framework.http
def receive(_: Request) -> tuple[str, int]:
    """Answer 200 and do nothing else."""
    return "", 200
