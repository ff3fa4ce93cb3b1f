"""Where the API may listen, and when it may do without tokens. Pure but for `is_private`."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path

from fuseline.api.access.addresses import parse_address
from fuseline.api.access.settings import ApiSettings
from fuseline.core.errors import ConfigError

LOCAL_NOTICE = (
    "no tokens: every program and every user of this machine that opens {url} is admin here; "
    "`fuseline tokens create NAME --role admin` and a restart end that"
)
"""What is shown for as long as no token is needed."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name other than localhost may lead anywhere.

    No name is looked up.
    """
    if host.lower() == "localhost":
        return True
    address = parse_address(host)
    return address is not None and address.is_loopback


def check_listen(settings: ApiSettings, *, any_valid_token: bool, local_mode: bool) -> None:
    """Lets the API listen where that harms nobody.

    Args:
        settings: where it would.
        any_valid_token: somebody can prove who he is.
        local_mode: nobody has to.

    Raises:
        ConfigError: under the name host, with what to do.
    """
    if is_loopback(settings.host):
        return
    if local_mode:
        raise ConfigError(
            "host", settings.host, "127.0.0.1, ::1 or localhost while no token is needed"
        )
    if not any_valid_token:
        raise ConfigError(
            "host",
            settings.host,
            "127.0.0.1, ::1 or localhost while there is no valid token; "
            "`fuseline tokens create NAME --role admin` makes one",
        )


def why_not_local(
    settings: ApiSettings, folder: Path | None, *, any_valid_token: bool
) -> str | None:
    """Why tokens are needed; None if `fuseline up` may do without.

    Args:
        settings: where it listens.
        folder: of the embedded server's data; None if the data is elsewhere.
        any_valid_token: somebody has made one, so they are wanted.
    """
    if any_valid_token:
        return "there are tokens"
    if folder is None:
        return "the data is not in the embedded server of this user"
    if not is_loopback(settings.host):
        return f"{settings.host} is not this machine alone"
    if not is_private(folder):
        return f"{folder} is open to other users"
    return None


def is_private(folder: Path) -> bool:
    """Whether a folder is this user's alone: his, a real folder, and of mode 0700."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and stat.S_IMODE(found.st_mode) == 0o700
    )


def check_tls_files(settings: ApiSettings) -> None:
    """Reads certificate and key once, so that what is wrong with them is said at the start.

    Raises:
        ConfigError: a file cannot be read, is no PEM, or the two do not fit.
    """
    certificate, key = settings.tls_certificate_file, settings.tls_key_file
    if certificate is None or key is None:
        return
    for field, path in (("tls_certificate_file", certificate), ("tls_key_file", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(field, path, f"a file that can be read ({error.strerror})") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An encrypted key would ask for its password on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "not readable"
        raise ConfigError(
            "tls_certificate_file",
            certificate,
            f"a PEM certificate that fits the unencrypted key in {key} ({reason})",
        ) from None
