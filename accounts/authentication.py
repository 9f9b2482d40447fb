"""Who sends a request to the API: the user of its access token, as long as the sign-in behind it stands."""

from typing import Any

from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication

from accounts.selectors import signed_in_user


class SignInAuthentication(JWTAuthentication):
    """Access tokens end with their sign-in: signing out, or a new password, ends them at once."""

    def get_user(self, validated_token: Any) -> Any:
        """The user of the token. Raises AuthenticationFailed where the sign-in has ended or the user is deactivated."""
        user = signed_in_user(validated_token)
        if user is None:
            raise AuthenticationFailed("This sign-in has ended: sign in again.", code="signed_out")
        return user


class SignInScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]  # it registers itself when it is defined
    """How the OpenAPI document describes it: a bearer token."""

    target_class = "accounts.authentication.SignInAuthentication"
