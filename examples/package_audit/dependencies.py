"""The requirements of the distribution in this environment, and whether they are met.

An async node. Reading metadata blocks, so each look-up goes to a thread.
"""

import asyncio
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

from examples.package_audit.licences import declared
from examples.package_audit.state import AuditState, Dependency


async def check_dependencies(state: AuditState) -> dict[str, Any]:
    """Look up every requirement at the same time.

    Raises:
        packaging.requirements.InvalidRequirement: The metadata contains an invalid requirement.
    """
    lines = await asyncio.to_thread(metadata.requires, state["identity"]["name"])
    requirements = [requirement for requirement in map(Requirement, lines or []) if applies(requirement)]
    found = await asyncio.gather(*(asyncio.to_thread(looked_up, requirement) for requirement in requirements))
    return {"dependencies": sorted(found, key=lambda dependency: dependency["name"].lower())}


def applies(requirement: Requirement) -> bool:
    """Return whether a requirement applies here; requirements of extras do not."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def looked_up(requirement: Requirement) -> Dependency:
    """Look up one requirement in this environment."""
    try:
        found = metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        installed, licence = "", ""
    else:
        installed, licence = found.version, declared(found)
    return {
        "name": requirement.name,
        "requirement": str(requirement.specifier) or "any version",
        "installed": installed,
        "satisfied": bool(installed) and requirement.specifier.contains(installed, prereleases=True),
        "licence": licence,
    }
