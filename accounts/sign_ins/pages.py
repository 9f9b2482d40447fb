"""Signing in to the admin: e-mail address and password on one page, the code of a second factor on the next."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from unfold.forms import AuthenticationForm

from accounts.addresses import client_address
from accounts.password_rules import MAXIMUM_PASSWORD_CHARACTERS
from accounts.second_factor.forms import code_field
from accounts.second_factor.services import CodeWrong
from accounts.services import prove_second_factor
from accounts.sign_ins.session import admit, wait_for_code, waiting_user
from core.widgets import dress_fields


class SignInForm(AuthenticationForm):
    """E-mail address and password."""

    password = forms.CharField(
        strip=False,
        max_length=MAXIMUM_PASSWORD_CHARACTERS,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(forms.Form):
    """The code of an app."""

    code = code_field(digits_only=True, label="Code of the app")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["code"].widget.attrs["autofocus"] = True
        dress_fields(self)


class RecoveryCodeForm(CodeForm):
    """A recovery code in its place."""

    code = code_field(label="Recovery code")


class SignInView(LoginView):
    """The first step. Whoever has a second factor is asked for a code next, and is nobody until then."""

    authentication_form = SignInForm
    template_name = "admin/login.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """In, or on to the code."""
        user = form.get_user()
        if user.second_factor_since is None:
            admit(self.request, user)
            return HttpResponseRedirect(self.get_success_url())
        wait_for_code(self.request, user)
        query = urlencode({REDIRECT_FIELD_NAME: self.get_success_url()})
        return HttpResponseRedirect(f"{reverse('sign-in-code')}?{query}")


@method_decorator([sensitive_post_parameters(), never_cache], name="dispatch")
class CodeView(RedirectURLMixin, FormView):
    """The second step."""

    template_name = "accounts/sign_in_code.html"

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        """The page, for somebody whose password was right a moment ago."""
        waiting = waiting_user(request)
        if waiting is None:
            messages.warning(request, "Sign in with your password first; the code has to follow within ten minutes.")
            query = urlencode({REDIRECT_FIELD_NAME: self.get_success_url()})
            return HttpResponseRedirect(f"{reverse('admin:login')}?{query}")
        self.waiting = waiting
        return super().dispatch(request, *args, **options)

    def get_form_class(self) -> type[CodeForm]:
        """The field that was asked for; either takes either kind of code."""
        return RecoveryCodeForm if "recovery" in self.request.GET else CodeForm

    def get_default_redirect_url(self) -> str:
        """Where to, if no address on this site was asked for."""
        return reverse("admin:index")

    def form_valid(self, form: Any) -> HttpResponse:
        """In, where the code is right."""
        code, address = form.cleaned_data["code"], client_address(self.request)
        proof = prove_second_factor(user=self.waiting, code=code, address=address)
        if proof is None:
            form.add_error("code", CodeWrong.default_detail)
            return self.form_invalid(form)
        admit(self.request, self.waiting, proof=proof)
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **values: Any) -> dict[str, Any]:
        """The look of the admin, and who it is about."""
        site = admin.site.each_context(self.request)
        own = {"title": "Enter your code", "waiting": self.waiting, "next": self.get_success_url()}
        return super().get_context_data(**site, **own, **values)


def sign_in_page(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The admin's page on which one signs in; who is signed in already goes on to the home page."""
    if request.method == "GET" and admin.site.has_permission(request):
        return HttpResponseRedirect(reverse("admin:index"))
    context = {
        **admin.site.each_context(request),
        "title": "Log in",
        "subtitle": None,
        "app_path": request.get_full_path(),
        **(extra_context or {}),
    }
    return SignInView.as_view(extra_context=context, next_page=reverse("admin:index"))(request)
