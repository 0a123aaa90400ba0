"""The process with the data of a local run: moto's server, with what it is told to have.

    python -m portable.local.data.emulator PLAN

PLAN is JSON, the fields of `plan.Plan`. What is made is in memory and ends with the process; with
an `endpoint`, the tables are made there instead, unless they are there.
"""

import json
import logging
import sys
import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ONCE = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})


def main(plan: dict[str, Any]) -> None:
    """Make what `plan` has, and serve until it is ended."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = DomainDispatcherApplication(create_backend_app)
    # Who can connect to the second one finds all there.
    first = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=first.serve_forever, daemon=True).start()
    moto = f"http://127.0.0.1:{first.server_port}"
    _tables(plan["tables"], plan["endpoint"] or moto)
    secrets = boto3.client("secretsmanager", endpoint_url=moto)
    for name, value in plan["secrets"].items():
        secrets.create_secret(Name=name, SecretString=value)
    sqs = boto3.client("sqs", endpoint_url=moto)
    for name in plan["queues"]:
        sqs.create_queue(QueueName=name)
    make_server(plan["host"], plan["port"], app, threaded=True).serve_forever()


def _tables(tables: dict[str, Any], endpoint: str) -> None:
    dynamodb = boto3.client("dynamodb", endpoint_url=endpoint, config=ONCE)
    for name, properties in tables.items():
        try:
            dynamodb.create_table(TableName=name, **properties)
        except dynamodb.exceptions.ResourceInUseException:
            pass
        except (BotoCoreError, ClientError) as error:
            sys.exit(f"cannot make the table {name} at {endpoint}: {error}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
