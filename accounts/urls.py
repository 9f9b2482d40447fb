"""Routes of the accounts room, below /api/."""

from django.urls import path

from accounts.api import AccountViewSet, SignInViewSet

urlpatterns = [
    path("auth/login", SignInViewSet.as_view({"post": "sign_in"}), name="login"),
    path("auth/refresh", SignInViewSet.as_view({"post": "refresh"}), name="refresh"),
    path("auth/logout", SignInViewSet.as_view({"post": "sign_out"}), name="logout"),
    path("auth/me", AccountViewSet.as_view({"get": "me"}), name="me"),
    path("auth/register", AccountViewSet.as_view({"post": "register"}), name="register"),
]
