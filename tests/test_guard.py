"""The guard around the tests themselves."""

import os
import socket

import pytest


def test_a_connection_to_anything_but_loopback_is_refused():
    with socket.socket() as outside, pytest.raises(PermissionError, match="loopback only"):
        outside.connect(("192.0.2.1", 9))


def test_no_real_credentials_can_be_read():
    assert os.environ["AWS_ACCESS_KEY_ID"] == "test"
    assert os.environ["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
