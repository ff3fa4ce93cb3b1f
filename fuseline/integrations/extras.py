"""The error of an integration whose library is not installed."""

from __future__ import annotations

from fuseline.core.errors import FuselineError


class MissingExtraError(FuselineError, ImportError):
    """An integration needs a package that an extra of Fuseline installs."""


def missing(extra: str, error: ImportError, *packages: str) -> ImportError:
    """What to raise for an import that failed.

    Args:
        extra: what brings the library.
        error: of the import.
        packages: top-level packages of the library; None given: one named as the extra. If anything
            else could not be imported, the error stays as it is.
    """
    package = (error.name or "").partition(".")[0]
    if package not in (packages or (extra,)):
        return error
    return MissingExtraError(
        f"fuseline.integrations needs the package {package}: pip install 'fuseline[{extra}]'",
        name=error.name,
    )
