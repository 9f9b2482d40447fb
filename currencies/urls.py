"""Routes of the currencies room, below /api/."""

from django.urls import path

from currencies.api import ExchangeRateViewSet

urlpatterns = [
    path("exchange-rates", ExchangeRateViewSet.as_view({"get": "list", "post": "create"}), name="exchange-rates"),
    path("exchange-rates/import", ExchangeRateViewSet.as_view({"post": "take_in"}), name="exchange-rates-import"),
    path("exchange-rates/<int:id>", ExchangeRateViewSet.as_view({"get": "retrieve"}), name="exchange-rate"),
]
