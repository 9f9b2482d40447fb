"""The pages on which an Admin helps a colleague who cannot sign in."""

from typing import Any

from accounts.models import User
from accounts.pages import links_from
from accounts.second_factor.services import SecondFactorOff, reset_second_factor
from accounts.selectors import INVITATION_DAYS, lock_out_seconds
from accounts.services import NotLockedOut, PasswordChosen, invite_again, lift_lock_out
from audit.admin import CommandPage
from core.admin import ReasonForm, VerbForm
from core.errors import PermissionDenied


class UserPage(CommandPage):
    """A command about a user, for those who manage them."""

    permission = "accounts.change_user"
    obj: User

    def is_allowed(self) -> bool:
        """Whether the reader is Admin in all of the user's companies."""
        return bool(self.model_admin.has_change_permission(self.request, self.obj))


class ResetSecondFactorPage(UserPage):
    """For somebody who lost telephone and recovery codes. One's own is switched off with a code."""

    name = "reset-second-factor"
    button = "Reset second factor"
    form_class = ReasonForm
    template = "accounts/admin/reset_second_factor.html"
    is_dangerous = True

    def require_possible(self) -> None:
        """There is one, and it is not the reader's own."""
        if self.obj.second_factor_since is None:
            raise SecondFactorOff("This user has no second factor.")
        if self.obj.pk == self.request.user.pk:
            raise PermissionDenied("Your own second factor is switched off below Sign-in and security.")

    def give(self, values: dict[str, Any]) -> str:
        """Off, and signed out everywhere."""
        self.require_possible()
        reset_second_factor(actor=self.request.user, user=self.obj, **values)
        return f"The second factor of {self.obj} is reset. They are signed out, and sign in with their password."


class LiftLockOutPage(UserPage):
    """For somebody who failed too often."""

    name = "lift-lock-out"
    button = "Lift lock-out"
    form_class = ReasonForm
    template = "accounts/admin/lift_lock_out.html"

    def require_possible(self) -> None:
        """They are locked out."""
        if not lock_out_seconds(self.obj):
            raise NotLockedOut

    def give(self, values: dict[str, Any]) -> str:
        """Open again."""
        lift_lock_out(actor=self.request.user, user=self.obj, **values)
        return f"{self.obj} may try again."


class InviteAgainPage(UserPage):
    """For somebody whose invitation was lost, or came too late."""

    name = "invite"
    button = "Send invitation again"
    form_class = VerbForm
    template = "accounts/admin/invite.html"

    def require_possible(self) -> None:
        """They have no password yet."""
        if self.obj.has_usable_password() or not self.obj.is_active:
            raise PasswordChosen

    def context(self) -> dict[str, Any]:
        """How long the link is good."""
        return {"days": INVITATION_DAYS}

    def give(self, values: dict[str, Any]) -> str:
        """Another mail."""
        invite_again(actor=self.request.user, user=self.obj, link_of=links_from(self.request), **values)
        return f"An invitation is on its way to {self.obj}."
