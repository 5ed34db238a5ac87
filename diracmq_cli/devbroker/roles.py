"""The people of the devbroker's little world, one certificate each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Whom ``dirac-mq devbroker env --as`` makes you."""

    USER = "user"
    PILOT = "pilot"
    STRANGER = "stranger"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Person:
    """One end entity. ``group`` is the DIRAC group that his proxy claims; ``name`` his name in the Registry."""

    dn: str
    group: str
    name: str | None


PEOPLE: dict[Role, Person] = {
    Role.USER: Person("/DC=org/DC=example/OU=People/CN=Jane Doe", "dirac_user", "jdoe"),
    Role.PILOT: Person("/DC=org/DC=example/OU=Robots/CN=Pilot", "dirac_pilot", "pilot"),
    # A proxy may claim any group; the Registry does not know this person, and so no right follows from the claim.
    Role.STRANGER: Person("/DC=org/DC=example/OU=People/CN=Sam Stranger", "dirac_user", None),
    Role.OPERATOR: Person("/DC=org/DC=example/OU=People/CN=Olga Operator", "dirac_admin", "olga"),
}

HOST_DN = "/DC=org/DC=example/OU=Hosts/CN=localhost"
CA_DN = "/DC=org/DC=example/CN=devbroker CA"
