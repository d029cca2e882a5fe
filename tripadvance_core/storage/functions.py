"""Functions that run elsewhere: AWS Lambda, through prefect-aws.

prefect-aws imports Prefect, which takes seconds, so the first call does.
"""

import json
from typing import Any, Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError

from tripadvance_core.errors import Unavailable


class Function(Protocol):
    """Takes and gives JSON."""

    def call(self, payload: dict[str, Any]) -> Any:
        """Return the answer; ``Unavailable`` (``FUNCTION_UNAVAILABLE``) without one."""

    def unavailable(self, problem: str) -> Unavailable:
        """Return the error that tells what is wrong with the function."""


class LambdaByName:
    """An AWS Lambda function through the ``LambdaFunction`` block; may be shared.

    Credentials, region and address come from the usual AWS environment.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def call(self, payload: dict[str, Any]) -> Any:
        from prefect_aws.lambda_function import LambdaFunction

        # Left to itself, it returns a coroutine in an asynchronous flow.
        synchronous: dict[str, Any] = {"_sync": True}
        block = LambdaFunction(function_name=self._name)
        try:
            answer = cast(dict[str, Any], block.invoke(payload, **synchronous))
            body = json.loads(answer["Payload"].read())
        except ClientError as error:  # by its code: its text may quote an account
            raise self.unavailable(error.response["Error"]["Code"]) from error
        except (BotoCoreError, ValueError) as error:
            raise self.unavailable(type(error).__name__) from error
        if "FunctionError" in answer:
            raise self.unavailable(str(body.get("errorType")))
        return body

    def unavailable(self, problem: str) -> Unavailable:
        return Unavailable("FUNCTION_UNAVAILABLE", function=self._name, problem=problem)
