"""Routes of the accounts room, below /api/."""

from django.urls import path

from accounts.api import AccountViewSet, SignInViewSet
from accounts.management_api import FoundingViewSet, UserViewSet
from accounts.sign_ins.api import SessionViewSet

urlpatterns = [
    path("auth/login", SignInViewSet.as_view({"post": "sign_in"}), name="login"),
    path("auth/refresh", SignInViewSet.as_view({"post": "refresh"}), name="refresh"),
    path("auth/logout", SignInViewSet.as_view({"post": "sign_out"}), name="logout"),
    path("auth/me", AccountViewSet.as_view({"get": "me"}), name="me"),
    path("auth/password", AccountViewSet.as_view({"post": "change_password"}), name="password"),
    path("auth/password/reset", SignInViewSet.as_view({"post": "request_reset"}), name="password-reset"),
    path(
        "auth/password/reset/confirm", SignInViewSet.as_view({"post": "confirm_reset"}), name="password-reset-confirm"
    ),
    path("auth/sessions", SessionViewSet.as_view({"get": "list_own"}), name="sessions"),
    path("auth/sessions/<uuid:id>", SessionViewSet.as_view({"delete": "destroy"}), name="session"),
    path("auth/register", AccountViewSet.as_view({"post": "register"}), name="register"),
    path("users", UserViewSet.as_view({"get": "list"}), name="users"),
    path("users/<int:id>", UserViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="user"),
    path("companies", FoundingViewSet.as_view({"get": "list", "post": "create"}), name="companies"),
]
