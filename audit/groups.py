"""Timeline entries as people read them: together by command, with only what differs, and where each object is found."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from audit.selectors import TimelineEntry

NOTHING = "—"
Key = tuple[str, int | None]
"""Which object an entry is about: its type and its id."""


@dataclass(frozen=True)
class Place:
    """What an object is called, and the addresses of its pages; "" where there is none."""

    label: str
    address: str = ""
    history: str = ""
    past: str = ""
    """The object as it was, to be followed by the number of a version."""


@dataclass(frozen=True)
class ObjectChange:
    """What one command did to one object, as people read it: (field, old, new) of only what differs."""

    entry: TimelineEntry
    values: tuple[tuple[str, str, str], ...]
    place: Place

    @property
    def is_whole(self) -> bool:
        """Whether the values are all that the object has, because it was made or deleted."""
        return not (self.entry.old_values and self.entry.new_values)

    @property
    def past(self) -> str:
        """The address of the object as this version had it, if there is such a page."""
        has_page = self.place.past and self.entry.version and self.entry.action != "Deleted"
        return f"{self.place.past}{self.entry.version}" if has_page else ""


@dataclass(frozen=True)
class CommandGroup:
    """One command: who, when and why, and all that it did."""

    entry: TimelineEntry
    changes: tuple[ObjectChange, ...]


def command_groups(entries: Iterable[TimelineEntry], places: Mapping[Key, Place] | None = None) -> list[CommandGroup]:
    """Timeline entries, newest first, put together by command; `places` says where their objects are found."""
    groups = []
    for _, together in groupby(entries, key=lambda entry: entry.entry_id):
        changes = tuple(
            ObjectChange(entry, tuple(_differences(entry)), _place(entry, places or {})) for entry in together
        )
        groups.append(CommandGroup(changes[0].entry, changes))
    return groups


def _place(entry: TimelineEntry, places: Mapping[Key, Place]) -> Place:
    place = places.get((entry.entity_type, entry.entity_id))
    return place or Place(" ".join(filter(None, [entry.entity_type, str(entry.entity_id or "")])))


def _differences(entry: TimelineEntry) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys((*entry.old_values, *entry.new_values)):
        for part, old, new in _parts(name, entry.old_values.get(name), entry.new_values.get(name)):
            before, after = _shown(old), _shown(new)
            if before != after:
                yield part, before, after


def _parts(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """The values themselves; of two objects each value in them, under its own name ("customer.city")."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [(name, old, new)]
    return [(f"{name}.{part}", old.get(part), new.get(part)) for part in dict.fromkeys((*old, *new))]


def _shown(value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {part}" for name, part in value.items() if part) or NOTHING
    return str(value)
