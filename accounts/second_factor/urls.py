"""Routes of one's own sign-in and security, below /admin/."""

from django.urls import path

from accounts.second_factor import pages
from accounts.sign_ins.pages import CodeView

urlpatterns = [
    path("login/code/", CodeView.as_view(), name="sign-in-code"),
    path("security/", pages.security, name="security"),
    path("security/second-factor/", pages.set_up, name="second-factor"),
    path("security/second-factor/off/", pages.switch_off, name="second-factor-off"),
    path("security/recovery-codes/", pages.recovery_codes, name="recovery-codes"),
    path("security/devices/<uuid:family>/end/", pages.end_one, name="end-sign-in"),
    path("security/devices/end-others/", pages.end_others, name="end-other-sign-ins"),
]
