"""The pages of the accounts room, below /reset/: where the link in a mail leads."""

from django.urls import path
from django.views.generic import TemplateView

from accounts.pages import choose_password

urlpatterns = [
    path("done", TemplateView.as_view(template_name="accounts/reset_done.html"), name="reset-password-done"),
    path("<str:uid>/<str:signature>", choose_password, name="reset-password"),
]
