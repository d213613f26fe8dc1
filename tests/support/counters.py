"""What must hold of the counters at any moment: they have what the sessions count for, no more and no less."""

from collections import defaultdict

from chalicelib.core.attention import needs
from chalicelib.core.statistics.contribution import contribution
from chalicelib.core.statistics.counts import CounterKey, Counts, counter_keys, total
from chalicelib.ports import Records
from tests.support.memory import MemoryRecords


def demand_counted(records: MemoryRecords) -> None:
    """Every session counts for what it is, every counter is the sum of its sessions, and those in need are listed."""
    pictures = [picture for each in records.sessions() if (picture := records.picture(each))]
    for picture in pictures:
        assert picture.counted == contribution(picture), f"{picture.session.session_id} is not counted"
    demand_sums(records)
    needy = {each.session_id: each.needs for each in records.needy("main", 1000)}
    assert needy == {
        each.session.session_id: needs(each)
        for each in pictures
        if each.session.project == "main" and needs(each)
    }


def demand_sums(records: Records) -> None:
    """Every counter is the sum of what its sessions are recorded to count for."""
    expected: defaultdict[CounterKey, list[Counts]] = defaultdict(list)
    for session_id in records.sessions():
        picture = records.picture(session_id)
        assert picture
        for key in counter_keys(picture.session):
            expected[key].append(picture.counted)
    keys = {*records.counter_keys(), *expected}
    assert {key: records.counter(key).counts for key in keys} == {key: total(expected[key]) for key in keys}
