"""The part of CloudWatch's metric math that alb/alarms.yaml uses.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from portable.errors import PortableError

Value = float | None  # None: there is no data

OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
}


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """Return the value of `expression` for one period, None where data is missing.

    `values` are those of the other metrics by their id. Raises `PortableError` for what is not
    known here: numbers, ids, + - * /, comparisons, IF and FILL are.
    """
    try:
        return _value(ast.parse(expression, mode="eval").body, values)
    except (SyntaxError, KeyError) as error:
        known = "numbers, ids, + - * /, comparisons, IF(…, …, …) and FILL(…, …)"
        message = f"the expression {expression!r} of an alarm cannot be evaluated here ({error})"
        raise PortableError(f"{message}: expected {known}.") from None


def _value(node: ast.expr, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left=left, op=operation, right=right):
            return _combine(OPERATORS[type(operation)], left, right, values)
        case ast.Compare(left=left, ops=[operation], comparators=[right]):
            return _combine(OPERATORS[type(operation)], left, right, values)
        case ast.Call(func=ast.Name(id="FILL"), args=[inner, other]):
            found = _value(inner, values)
            return _value(other, values) if found is None else found
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            chosen = _value(condition, values)
            return None if chosen is None else _value(then if chosen else otherwise, values)
        case _:
            raise SyntaxError(ast.unparse(node))


def _combine(
    operation: Callable[[float, float], float],
    left: ast.expr,
    right: ast.expr,
    values: Mapping[str, Value],
) -> Value:
    first, second = _value(left, values), _value(right, values)
    if first is None or second is None:
        return None
    try:
        return float(operation(first, second))
    except ZeroDivisionError:
        return None  # CloudWatch has no data point then
