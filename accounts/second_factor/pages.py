"""The pages below /admin/security/: one's own second factor, and where one is signed in."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.addresses import client_address, origin_of
from accounts.devices import device_name
from accounts.second_factor.codes import app_address, decrypted, encrypted, new_secret, qr_code
from accounts.second_factor.forms import ConfirmForm, RecoveryCodesForm, SwitchOffForm
from accounts.second_factor.services import switch_on
from accounts.selectors import sign_ins_of
from accounts.services import replace_recovery_codes, switch_off_second_factor
from accounts.sign_ins.services import end_other_sign_ins, end_sign_in
from accounts.sign_ins.session import forget_second_factor, remember_second_factor, sign_in_of
from core.errors import DomainError, NotFound

PROPOSED = "proposed_second_factor"
"""Where the session keeps the secret of a second factor that is being set up, encrypted."""

Page = Callable[..., HttpResponse]


def own_page(*methods: str) -> Callable[[Page], Page]:
    """A page of whoever is signed in to the admin, which no cache keeps."""

    def wrap(page: Page) -> Page:
        guarded = require_http_methods(list(methods))(sensitive_post_parameters()(never_cache(page)))
        return admin.site.admin_view(guarded)

    return wrap


@own_page("GET")
def security(request: HttpRequest) -> HttpResponse:
    """Whether the second factor is on, and where one is signed in."""
    own = sign_in_of(request)
    devices = [
        {"sign_in": row, "name": device_name(row), "is_this": str(row.family) == own}
        for row in sign_ins_of(request.user)
    ]
    left = request.user.recovery_codes.filter(used_at=None).count()
    return _page(request, "security", "Sign-in and security", devices=devices, codes_left=left)


@own_page("GET", "POST")
def set_up(request: HttpRequest) -> HttpResponse:
    """The QR code, and the first code that an app makes of it; then the recovery codes, this once."""
    if request.user.second_factor_since is not None:
        messages.info(request, "Your second factor is on.")
        return redirect("security")
    secret = _new_secret(request)
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = _given(form, lambda: switch_on(user=request.user, secret=secret, code=form.cleaned_data["code"]))
        if codes is not None:
            request.session.pop(PROPOSED, None)
            remember_second_factor(request)
            return _page(request, "recovery_codes", "Your second factor is on", codes=codes)
    groups = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    image = qr_code(app_address(secret, request.user.email))
    title = "Set up a second factor"
    return _page(request, "set_up", title, form=form, secret=groups, image=image, required=settings.TWO_FACTOR_REQUIRED)


@own_page("GET", "POST")
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes in place of the old ones."""
    if request.user.second_factor_since is None:
        return redirect("security")
    form = RecoveryCodesForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = _given(form, lambda: replace_recovery_codes(**_proof(request, form)))
        if codes is not None:
            return _page(request, "recovery_codes", "Your new recovery codes", codes=codes)
    return _page(
        request,
        "confirm",
        "New recovery codes",
        form=form,
        button="Make new codes",
        sentence="Ten new codes take the place of the old ones, which are not good any more then.",
    )


@own_page("GET", "POST")
def switch_off(request: HttpRequest) -> HttpResponse:
    """No second factor any more."""
    if request.user.second_factor_since is None:
        return redirect("security")
    form = SwitchOffForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        off = _given(form, lambda: switch_off_second_factor(**_proof(request, form)) or True)
        if off:
            forget_second_factor(request)
            messages.success(request, "Your second factor is off.")
            return redirect("security")
    return _page(
        request,
        "confirm",
        "Switch off the second factor",
        form=form,
        button="Switch it off",
        dangerous=True,
        sentence="From then on your password alone signs you in. It is on record.",
    )


@own_page("POST")
def end_one(request: HttpRequest, family: Any) -> HttpResponse:
    """Sign out one device."""
    if str(family) == sign_in_of(request):
        logout(request)
        return redirect("admin:login")
    try:
        end_sign_in(user=request.user, family=family, origin=origin_of(request))
    except NotFound:
        raise Http404("This device is signed out already.") from None
    messages.success(request, "The device is signed out.")
    return redirect("security")


@own_page("POST")
def end_others(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    end_other_sign_ins(user=request.user, but=sign_in_of(request), origin=origin_of(request))
    messages.success(request, "You are signed out everywhere but here.")
    return redirect("security")


def _new_secret(request: HttpRequest) -> str:
    """The secret that is being set up: the same until it is confirmed, or somebody would confirm another one."""
    stored = request.session.get(PROPOSED)
    secret = decrypted(stored) if stored else None
    if secret is None:
        secret = new_secret()
        request.session[PROPOSED] = encrypted(secret)
    return secret


def _proof(request: HttpRequest, form: forms.Form) -> dict[str, Any]:
    return {"user": request.user, "address": client_address(request), **form.cleaned_data}


def _given(form: forms.Form, command: Callable[[], Any]) -> Any:
    """What came of the command; None where it was refused, which the form says."""
    try:
        return command()
    except DomainError as refusal:
        if refusal.status == 429:
            raise
        field = refusal.field if refusal.field in form.fields else None
        form.add_error(field or next(reversed(form.fields)), refusal.detail)
        return None


def _page(request: HttpRequest, template: str, title: str, **values: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, **values}
    return TemplateResponse(request, f"accounts/security/{template}.html", context)
