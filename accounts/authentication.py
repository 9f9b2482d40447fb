"""Access tokens in the Authorization header. The user is loaded afresh, so a changed role counts at once."""

from rest_framework_simplejwt.authentication import JWTAuthentication


class AccessTokenAuthentication(JWTAuthentication):
    """``Authorization: Bearer ACCESS``."""
