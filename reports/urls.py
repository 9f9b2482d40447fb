"""Routes of the reports room, below /api/."""

from django.urls import path
from rest_framework.renderers import JSONRenderer

from core.api.renderers import STATEMENT_RENDERERS
from reports.api import ReportViewSet
from reports.numbers_api import NumbersViewSet
from reports.statement_api import StatementViewSet
from reports.statement_runs.api import StatementRunViewSet

urlpatterns = [
    path(
        "reports/dashboard",
        ReportViewSet.as_view({"get": "dashboard"}, renderer_classes=[JSONRenderer]),
        name="report-dashboard",
    ),
    path("statement-runs", StatementRunViewSet.as_view({"get": "list", "post": "create"}), name="statement-runs"),
    path("statement-runs/<int:id>", StatementRunViewSet.as_view({"get": "retrieve"}), name="statement-run"),
    path(
        "statement-runs/<int:id>/results",
        StatementRunViewSet.as_view({"get": "results"}),
        name="statement-run-results",
    ),
    path("reports/revenue", ReportViewSet.as_view({"get": "revenue"}), name="report-revenue"),
    path("reports/outstanding", ReportViewSet.as_view({"get": "outstanding"}), name="report-outstanding"),
    path("reports/vat", ReportViewSet.as_view({"get": "vat"}), name="report-vat"),
    path("reports/aging", ReportViewSet.as_view({"get": "aging"}), name="report-aging"),
    path("reports/numbers", NumbersViewSet.as_view({"get": "numbers"}), name="report-numbers"),
    path(
        "customers/<int:id>/statement",
        StatementViewSet.as_view({"get": "retrieve"}, renderer_classes=STATEMENT_RENDERERS),
        name="customer-statement",
    ),
]
