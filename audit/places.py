"""Where the objects of a page of the record are found in the admin, and what they are called. A statement a model."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.admin import AdminSite
from django.urls import NoReverseMatch, reverse

from audit.books import document_lookup
from audit.groups import Key, Place
from audit.models import Recorded, history_model, recorded_models
from audit.selectors import TimelineEntry


def places_of(entries: Iterable[TimelineEntry], site: AdminSite) -> dict[Key, Place]:
    """The place of each object that the entries are about. What was deleted has none."""
    models = {model.__name__: model for model in recorded_models()}
    wanted: dict[type[Recorded], set[int]] = {}
    for entry in entries:
        if entry.entity_id is not None:
            wanted.setdefault(models[entry.entity_type], set()).add(entry.entity_id)
    return {
        (model.__name__, pk): place for model, ids in wanted.items() for pk, place in _places(model, ids, site).items()
    }


def _places(model: type[Recorded], ids: set[int], site: AdminSite) -> Mapping[int, Place]:
    owner, _, number = (document_lookup(model) or "").rpartition("__")
    if owner:
        return _places_of_parts(model, ids, owner, number, site)
    rows = model._default_manager.filter(pk__in=ids)
    numbers: dict[int, Any] = dict(rows.values_list("pk", number or "pk"))
    return {pk: _place(model, pk, numbers[pk], site) for pk in numbers}


def _places_of_parts(
    model: type[Recorded], ids: set[int], owner: str, number: str, site: AdminSite
) -> Mapping[int, Place]:
    """The places of what belongs to a document: that of the document, which is there after the part was deleted too."""
    document: Any = model._meta.get_field(owner).related_model
    rows = history_model(model).objects.filter(id__in=ids, history_type="+")
    owners: dict[int, int] = dict(rows.values_list("id", f"{owner}_id"))
    documents = document._default_manager.filter(pk__in=set(owners.values()))
    numbers: dict[int, Any] = dict(documents.values_list("pk", number))
    places = {pk: _place(document, pk, numbers[pk], site) for pk in numbers}
    return {
        pk: Place(f"{model.__name__} {pk} of {place.label}", place.address, place.history)
        for pk, place in ((pk, places.get(owners[pk])) for pk in owners)
        if place is not None
    }


def _place(model: type[Recorded], pk: int, number: Any, site: AdminSite) -> Place:
    label = str(number) if isinstance(number, str) and number else f"{model.__name__} {pk}"
    if not site.is_registered(model):
        return Place(label)
    past = address_of(model, "past", pk)
    return Place(label, address_of(model, "change", pk), address_of(model, "history", pk), past and f"{past}?version=")


def address_of(model: type[Recorded], page: str, pk: int) -> str:
    """The address of a page of the object in the admin; "" where there is no such page."""
    try:
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=[pk])
    except NoReverseMatch:
        return ""
