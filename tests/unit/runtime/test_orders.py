from __future__ import annotations

from sidecar.runtime.commands import Command, Order, Ordered
from sidecar.runtime.orders import Orders


def test_each_order_gets_the_next_ticket_and_the_first_drain_is_marked_before_it_is_given() -> None:
    given: list[Command | str] = []
    orders = Orders(given.append, lambda: given.append("marked"))
    tickets = [orders.give(order) for order in (Order.QUIESCE, Order.DRAIN, Order.DRAIN)]
    assert tickets == [1, 2, 3]
    assert given == [Ordered(Order.QUIESCE, 1), "marked", Ordered(Order.DRAIN, 2), Ordered(Order.DRAIN, 3)]
