"""Every answer of S3 says what time it is, by the layer's clock: the second opinion of whoever doubts his own."""

from email.utils import parsedate_to_datetime

import pytest
import requests

from tests.infra.strict_s3.bench import Bench, Bucket

YEAR_S = 365 * 86_400


def off_by_s(bench: Bench, date: str) -> float:
    return abs((parsedate_to_datetime(date) - bench.clock()).total_seconds())


@pytest.mark.parametrize("key", ["a/film.mp4", "a/none"])
def test_answers_and_refusals_alike_bear_the_time_of_s3(bucket: Bucket, key: str):
    bucket.put()
    url = bucket.presigned("get_object", key)

    assert off_by_s(bucket.bench, bucket.bench.strictly("GET", url).headers["date"]) < 5
    assert "date" not in bucket.bench.barely("GET", url).headers


def test_the_clock_of_the_layer_wins_over_that_of_its_server(bench: Bench):
    bench.clock.advance(YEAR_S)
    with requests.Session() as session:
        answer = session.get(f"{bench.url}/no-such-bucket", timeout=10)

    # One Date alone: two of them would arrive joined by a comma.
    assert off_by_s(bench, answer.headers["date"]) < 5
