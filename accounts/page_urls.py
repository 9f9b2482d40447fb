"""The pages of the accounts room, below /reset/: for somebody who forgot a password, and where the link leads."""

from django.urls import path
from django.views.generic import TemplateView

from accounts.pages import ask_for_link, choose_password

urlpatterns = [
    path("", ask_for_link, name="forgotten-password"),
    path("sent", TemplateView.as_view(template_name="accounts/reset_sent.html"), name="reset-link-sent"),
    path("done", TemplateView.as_view(template_name="accounts/reset_done.html"), name="reset-password-done"),
    path("<str:uid>/<str:signature>", choose_password, name="reset-password"),
]
