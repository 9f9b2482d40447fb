"""Routes of the reports room, below /api/."""

from django.urls import path

from core.api.renderers import STATEMENT_RENDERERS
from reports.api import ReportViewSet
from reports.statement_api import StatementViewSet

urlpatterns = [
    path("reports/revenue", ReportViewSet.as_view({"get": "revenue"}), name="report-revenue"),
    path("reports/outstanding", ReportViewSet.as_view({"get": "outstanding"}), name="report-outstanding"),
    path("reports/vat", ReportViewSet.as_view({"get": "vat"}), name="report-vat"),
    path("reports/aging", ReportViewSet.as_view({"get": "aging"}), name="report-aging"),
    path(
        "customers/<int:id>/statement",
        StatementViewSet.as_view({"get": "retrieve"}, renderer_classes=STATEMENT_RENDERERS),
        name="customer-statement",
    ),
]
