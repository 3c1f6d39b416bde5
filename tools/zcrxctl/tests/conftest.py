# SPDX-License-Identifier: LGPL-2.1-or-later
import pytest

from fake import Server


@pytest.fixture(name="server")
def fixture_server(tmp_path):
    server = Server(tmp_path)
    yield server
    server.stop()
