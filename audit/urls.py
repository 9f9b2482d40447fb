"""Routes of the audit room, below /api/."""

from django.urls import path

from audit.api import AuditViewSet

urlpatterns = [path("audit", AuditViewSet.as_view({"get": "list"}), name="audit")]
