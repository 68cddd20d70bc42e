"""Sets of positions (SPEC 7.2), as ascending pairs of a start and an end with a gap between them."""

from bisect import bisect


def joined(ranges):
    whole = []
    for start, end in sorted(ranges):
        if whole and start <= whole[-1][1]:
            whole[-1][1] = max(whole[-1][1], end)
        elif start < end:
            whole.append([start, end])
    return whole


def overlap(ranges, start, end):
    """Whether anything between these is in them, which are in order."""
    at = bisect(ranges, [end])
    return at > 0 and ranges[at - 1][1] > start


def without(ranges, taken):
    """What of the first is not in the second."""
    left = []
    for start, end in joined(ranges):
        for begins, ends in joined(taken):
            if begins < end and ends > start:
                left.append([start, begins])
                start = max(start, ends)
        left.append([start, end])
    return joined(pair for pair in left if pair[0] < pair[1])


def length(ranges):
    return sum(end - start for start, end in ranges)


def cut_at(ranges, step):
    """The same, cut at the multiples of a step."""
    return [[max(start, at), min(end, at + step)] for start, end in ranges for at in range(start // step * step, end, step)]
