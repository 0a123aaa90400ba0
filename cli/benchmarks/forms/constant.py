"""The floor: a handler that imports nothing and always gives the same result."""

RESULT = {
    "statusCode": 200,
    "multiValueHeaders": {"content-type": ["application/json"]},
    "body": '{"message":"Hello World"}',
    "isBase64Encoded": False,
}


def handler(event: object, context: object) -> object:
    """Answer one invocation."""
    return RESULT
