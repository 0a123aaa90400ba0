"""Who the client is, as the load balancer says."""


def client_of(forwarded_for: str) -> tuple[str, int]:
    """Return the last address of an X-Forwarded-For header, and its port, 0 if it has none.

    The load balancer itself appended it, so no client can forge it. With the attribute
    `routing.http.xff_client_port.enabled` it has a port.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
    """
    last = forwarded_for.rpartition(",")[2].strip()
    host, port = last, ""
    if last.startswith("["):
        host, _, port = last[1:].partition("]")
        port = port.removeprefix(":")
    elif last.count(":") == 1:
        host, _, port = last.partition(":")
    return host, int(port) if port.isdecimal() else 0
