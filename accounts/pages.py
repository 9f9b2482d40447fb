"""The page on which somebody chooses a new password who could not sign in."""

from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.selectors import user_of_reset_token
from accounts.services import reset_password
from core.errors import DomainError


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters()
@never_cache
def choose_password(request: HttpRequest, uid: str, signature: str) -> HttpResponse:
    """The form for a new password, or, where the link is not good any more, a page that says so."""
    token = f"{uid}/{signature}"
    user = user_of_reset_token(token)
    if user is None:
        return render(request, "accounts/reset_refused.html", status=400)
    form = SetPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid() and _set_password(token, form):
        return redirect("reset-password-done")
    return render(request, "accounts/reset.html", {"form": form, "user_to_be": user})


def _set_password(token: str, form: "SetPasswordForm[User]") -> bool:
    """Whether the password was set; otherwise the form says why not."""
    try:
        reset_password(token=token, password=form.cleaned_data["new_password1"])
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        return False
    return True
