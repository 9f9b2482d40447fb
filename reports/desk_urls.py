"""Routes of the reports' pages, below /admin/reports/."""

from django.contrib import admin
from django.urls import path

from reports.desk import report_page

urlpatterns = [path("<slug:name>/", admin.site.admin_view(report_page), name="report-page")]
