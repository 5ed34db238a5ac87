"""A CS of the size of a large collaboration's: 1 MB of text, users, groups, sites, and 200 queues."""

from __future__ import annotations

from collections.abc import Iterator


def big_cs(*, queues: int = 200, users: int = 1500, size: int = 1_000_000) -> str:
    """The CFG's text, at least ``size`` octets of it."""
    parts = [*_registry(users), *_services(queues)]
    length = sum(map(len, parts))
    sites: list[str] = []
    while length < size:
        sites.append(_site(len(sites)))
        length += len(sites[-1])
    return "".join([*parts, "Sites\n{\n", *sites, "}\n}\n"])


def _registry(users: int) -> Iterator[str]:
    yield "Registry\n{\nUsers\n{\n"
    for n in range(users):
        dn = f"/DC=ch/DC=cern/OU=Organic Units/OU=Users/CN=user{n}/CN={100000 + n}/CN=Some User {n}"
        ca = "/DC=ch/DC=cern/CN=CERN Grid Certification Authority"
        yield f"u{n}\n{{\nDN = {dn}\nCA = {ca}\nEmail = user{n}@example.org\n}}\n"
    yield "}\nGroups\n{\n"
    for n in range(60):
        members = ", ".join(f"u{m}" for m in range(n, users, 60))
        yield f"g{n}\n{{\nUsers = {members}\nProperties = NormalUser\nVO = lhcb\n}}\n"
    yield "}\n}\n"


def _services(queues: int) -> Iterator[str]:
    yield "Resources\n{\nMQServices\n{\nlhcb\n{\nHost = mq1.example.org, mq2.example.org\nVHost = lhcb\nQueues\n{\n"
    yield "dead\n{\n}\n"
    for n in range(1, queues):
        yield (
            f"lhcb.q{n}\n{{\nType = quorum\nDeadLetterQueue = dead\nMessageTTL = 7d\nDeliveryLimit = 1000000\n"
            f"Description = Queue number {n}\nPublishers = group:dirac_pilot, /DC=ch/DC=cern/OU=Users/CN=user{n}\n"
            "Consumers = group:lhcb_prod\nBindings = ev:job.#\n}\n"
        )
    yield "}\n}\n}\n"  # Resources stays open for the sites


def _site(n: int) -> str:
    queue = "nordugrid\n{\nmaxCPUTime = 7776\nMaxTotalJobs = 4000\nMaxWaitingJobs = 200\n}\n"
    ce = f"ce{n}.example.org\n{{\nCEType = HTCondorCE\nSI00 = 3100\nQueues\n{{\n{queue}}}\n}}\n"
    return f"LCG.Site{n}.ch\n{{\nName = Site {n}\nCEs\n{{\n{ce}}}\n}}\n"
