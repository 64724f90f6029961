"""Conditions of `dsl.If`, `dsl.Elif` and `dsl.Else`: the part of CEL that comparing text parameters needs.

    expression := term ('||' term)*         term   := factor ('&&' factor)*
    factor     := '!' factor | '(' expression ')' | operand ('==' | '!=') operand
    operand    := inputs.parameter_values['NAME'] | 'TEXT'

Numbers are refused on purpose: KFP carries every number as a double, and CEL finds a double unlike an integer
literal, which skips both branches without a word. Compare text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from netanomaly.errors import InputError

_TOKEN = re.compile(
    r"\s*(?:inputs\.parameter_values\['(?P<parameter>[^'\\]+)'\]"
    r"|'(?P<single>[^'\\]*)'|\"(?P<double>[^\"\\]*)\""
    r"|(?P<symbol>==|!=|&&|\|\||!|\(|\)))"
)


@dataclass(frozen=True)
class Condition:
    """A parsed condition. `parameters` are the inputs it reads; all must be text."""

    text: str
    parameters: frozenset[str]
    _tree: "_Node"

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition is true of these parameter values."""
        return _evaluate(self._tree, values)


@dataclass(frozen=True)
class _Parameter:
    name: str


@dataclass(frozen=True)
class _Node:
    operator: str
    operands: tuple["_Node | _Parameter | str", ...]


def parse(text: str) -> Condition:
    """Read a condition as the compiler writes it.

    Raises:
        InputError: It uses more of CEL than is known here; the message shows where.
    """
    parser = _Parser(text)
    tree = parser.expression()
    parser.end()
    return Condition(text=text, parameters=frozenset(parser.parameters), _tree=tree)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        self._next = 0
        self.parameters: set[str] = set()
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                self._refuse(position)
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind], position))
            position = match.end()

    def expression(self) -> _Node:
        operands = [self._term()]
        while self._accept("||"):
            operands.append(self._term())
        return operands[0] if len(operands) == 1 else _Node("||", tuple(operands))

    def end(self) -> None:
        if self._next < len(self._tokens):
            self._refuse(self._tokens[self._next][2])

    def _term(self) -> _Node:
        operands = [self._factor()]
        while self._accept("&&"):
            operands.append(self._factor())
        return operands[0] if len(operands) == 1 else _Node("&&", tuple(operands))

    def _factor(self) -> _Node:
        if self._accept("!"):
            return _Node("!", (self._factor(),))
        if self._accept("("):
            inner = self.expression()
            if not self._accept(")"):
                self._refuse_here()
            return inner
        left = self._operand()
        operator = "==" if self._accept("==") else "!="
        if operator == "!=" and not self._accept("!="):
            self._refuse_here()
        return _Node(operator, (left, self._operand()))

    def _operand(self) -> _Parameter | str:
        if self._next == len(self._tokens) or self._tokens[self._next][0] == "symbol":
            self._refuse_here()
        kind, value, _ = self._tokens[self._next]
        self._next += 1
        if kind != "parameter":
            return value
        self.parameters.add(value)
        return _Parameter(value)

    def _accept(self, symbol: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next][:2] == ("symbol", symbol):
            self._next += 1
            return True
        return False

    def _refuse_here(self) -> NoReturn:
        self._refuse(self._tokens[self._next][2] if self._next < len(self._tokens) else len(self._text))

    def _refuse(self, position: int) -> NoReturn:
        rest = self._text[position:].strip()
        raise InputError(
            f"condition {self._text!r} is not understood {f'from {rest!r} on' if rest else 'at its end'}; "
            "the local runner knows comparisons (==, !=) of text parameters with text, joined by &&, || and !"
        )


def _evaluate(node: "_Node | _Parameter | str", values: Mapping[str, Any]) -> bool:
    if not isinstance(node, _Node):
        raise TypeError(f"{node!r} is not a condition")
    if node.operator == "!":
        return not _evaluate(node.operands[0], values)
    if node.operator == "&&":
        return all(_evaluate(operand, values) for operand in node.operands)
    if node.operator == "||":
        return any(_evaluate(operand, values) for operand in node.operands)
    left, right = (_value(operand, values) for operand in node.operands)
    equal: bool = left == right
    return equal == (node.operator == "==")


def _value(operand: "_Node | _Parameter | str", values: Mapping[str, Any]) -> Any:
    return values[operand.name] if isinstance(operand, _Parameter) else operand
