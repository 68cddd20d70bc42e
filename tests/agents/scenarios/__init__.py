"""What is tried. A scenario has `cases(clients)`, which yields names and functions of a `Case`."""

from scenarios import both_ways, injected_agent, injections, killed, plugin, predecessor, rules, secrets, waking

# The longest first.
ALL = [killed, both_ways, injected_agent, secrets, injections, waking, rules, plugin, predecessor]


def cases(clients):
    """All cases that these clients can run."""
    return [case for scenario in ALL for case in scenario.cases(clients)]
