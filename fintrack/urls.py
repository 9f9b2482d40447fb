"""The URL map. Everything below /api/ comes from the rooms' own urls.py."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from fintrack.views import health, home

admin.site.index_title = "Home"
admin.site.index_template = "reports/admin/home.html"

urlpatterns = [
    path("", home, name="home"),
    path("health", health, name="health"),
    path("admin/reports/", include("reports.desk_urls")),
    path("admin/", include("accounts.second_factor.urls")),
    path("admin/", admin.site.urls),
    path("i/", include("portal.page_urls")),
    path("reset/", include("accounts.page_urls")),
    path("swagger", RedirectView.as_view(pattern_name="docs"), name="swagger"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/", include("audit.urls")),
    path("api/", include("accounts.urls")),
    path("api/", include("parties.urls")),
    path("api/", include("currencies.urls")),
    path("api/", include("invoices.urls")),
    path("api/", include("payments.urls")),
    path("api/", include("credits.urls")),
    path("api/", include("portal.urls")),
    path("api/", include("notifications.urls")),
    path("api/", include("reports.urls")),
]

handler400 = "fintrack.error_views.bad_request"
handler404 = "fintrack.error_views.not_found"
handler500 = "fintrack.error_views.server_error"
