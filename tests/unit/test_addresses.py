"""Where the host's own services listen."""

import pytest

from landbridge.domain.errors import InputError
from landbridge.host.addresses import listen, url_of


def test_a_service_listens_on_loopback_unless_told_otherwise() -> None:
    with listen(0, 0, "a service", "its port") as listener:
        assert url_of(listener).startswith("http://127.0.0.1:")


def test_a_service_listens_where_it_was_told() -> None:
    with listen(0, 0, "a service", "its port", "127.0.0.9") as listener:
        assert url_of(listener).startswith("http://127.0.0.9:")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InputError, match=r"192\.0\.2\.1 is no address"):
        listen(0, 0, "a service", "its port", "192.0.2.1")
