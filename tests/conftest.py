"""The servers that any test may ask for; each starts at the first test that does."""

pytest_plugins = [
    "tests.servers.fixtures_caldav",
    "tests.servers.fixtures_dovecot",
    "tests.servers.fixtures_exchange",
    "tests.servers.fixtures_google",
    "tests.servers.fixtures_microsoft",
    "tests.servers.fixtures_postgres",
]
