"""The pages for somebody who cannot sign in: asking for a link, and choosing a new password by it."""

from collections.abc import Callable

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.addresses import client_address
from accounts.models import User
from accounts.selectors import user_of_reset_token
from accounts.services import request_password_reset, reset_password
from core.errors import DomainError


class ForgottenPasswordForm(forms.Form):
    """Who cannot sign in."""

    email = forms.EmailField(label="E-mail address", max_length=254)


def links_from(request: HttpRequest) -> Callable[[str], str]:
    """What makes the address of a reset link from its token, at the host that was asked."""

    def link_of(token: str) -> str:
        uid, signature = token.split("/")
        return request.build_absolute_uri(reverse("reset-password", args=[uid, signature]))

    return link_of


@require_http_methods(["GET", "POST"])
@never_cache
def ask_for_link(request: HttpRequest) -> HttpResponse:
    """The form that asks for a link by mail. What it answers never says whether somebody signs in with the address."""
    form = ForgottenPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        request_password_reset(email=email, link_of=links_from(request), address=client_address(request))
        return redirect("reset-link-sent")
    return render(request, "accounts/reset_ask.html", {"form": form})


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
