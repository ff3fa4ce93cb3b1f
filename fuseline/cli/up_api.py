"""The HTTP API beside `fuseline up`: without tokens if nobody else can reach it."""

from __future__ import annotations

import os
import socket
from importlib.resources import files

import anyio
from msgspec import Struct

from fuseline.api.access.listening import LOCAL_NOTICE, why_not_local
from fuseline.api.access.settings import ApiSettings
from fuseline.api.access.tokens import TokenStore
from fuseline.api.listener import bind, url_of
from fuseline.cli.options import Options
from fuseline.core.config import CircuitBreakerConfig
from fuseline.events.backend import Backend
from fuseline.events.embedded import default_data_dir
from fuseline.events.embedded_paths import embedded_paths


class UpApi(Struct):
    """An API that is about to serve.

    Attributes:
        url: where it will answer.
        notice: what whoever starts it must know; "" if nothing.
    """

    backend: Backend
    settings: ApiSettings
    defaults: CircuitBreakerConfig
    listener: socket.socket
    local_mode: bool
    url: str
    notice: str

    @property
    def addresses(self) -> str:
        """Where to look: the API's documentation, and the web UI if it is built."""
        # Looked up here, because the module that serves it loads the web framework.
        built = (files("fuseline.api") / "static" / "index.html").is_file()
        return f"API {self.url}/api/v1/docs" + (f" · web UI {self.url}" if built else "")

    async def run(self) -> None:
        """Serves until cancelled."""
        # Here, because no other command shall wait for the web framework to load.
        from fuseline.api.server import run_api

        await run_api(
            self.backend,
            self.settings,
            self.defaults,
            listener=self.listener,
            local_mode=self.local_mode,
        )


async def prepare_api(
    backend: Backend, options: Options, host: str | None, port: int | None
) -> UpApi:
    """Takes the address, and finds out whether tokens are needed.

    Raises:
        ConfigError: it cannot listen there.
    """
    settings = ApiSettings.from_env(os.environ, host=host, port=port)
    defaults = CircuitBreakerConfig.from_env(os.environ)
    any_valid = await TokenStore(backend).any_valid()
    folder = None
    if options.settings().url is None:
        folder = embedded_paths(default_data_dir()).folder
    reason = await anyio.to_thread.run_sync(
        lambda: why_not_local(settings, folder, any_valid_token=any_valid)
    )
    asked = port is not None or "FUSELINE_API_PORT" in os.environ
    listener = bind(settings, any_port=not asked)
    url = url_of(settings, listener)
    if reason is None:
        notice = LOCAL_NOTICE.format(url=url)
    elif any_valid:
        notice = ""
    else:
        notice = f"tokens are needed ({reason}): fuseline tokens create NAME --role admin"
    return UpApi(backend, settings, defaults, listener, reason is None, url, notice)
