"""What each address of the target got. Bounded, as names move on to other addresses for as long as a run lasts."""

MAX_ADDRESSES = 64
OTHERS = "other"


class Shares:
    """Requests sent and connects failed, by address."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}
        self.failed: dict[str, int] = {}

    def add(self, address: str, *, sent: int = 0, failed: int = 0) -> None:
        """Count, or with neither only know, an address; past `MAX_ADDRESSES` all new ones are one."""
        name = address if address in self.sent or len(self.sent) < MAX_ADDRESSES else OTHERS
        self.sent[name] = self.sent.get(name, 0) + sent
        self.failed[name] = self.failed.get(name, 0) + failed

    def merge(self, other: "Shares") -> None:
        """Add what another worker counted."""
        for address, sent in other.sent.items():
            self.add(address, sent=sent, failed=other.failed[address])
