from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import Membership, User
from accounts.services import LastAdmin, change_password, grant_role, revoke_role, update_user
from accounts.tests.factories import PASSWORD, add_role, make_user
from audit.actors import SYSTEM
from audit.models import Change
from core.errors import NotFound, StaleVersion
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"
ROLES = "/admin/accounts/membership/"
NEW_PASSWORD = "an-entirely-other-one"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def superuser() -> User:
    return User.objects.create_superuser("root@example.test", PASSWORD)


def new_user_form(company: Company, **values: Any) -> dict[str, Any]:
    defaults = {
        "email": "New@Example.test",
        "full_name": "New Person",
        "company": company.pk,
        "role": "Finance",
    }
    return {**defaults, **values}


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme")


@pytest.fixture
def admin(company: Company) -> User:
    return make_user("Admin", company, email="admin@example.test")


def test_everybody_with_a_role_may_sign_in_and_nobody_else(company: Company) -> None:
    for role in ("Admin", "Finance", "Auditor", "Viewer"):
        user = make_user(role, company)
        client = Client()
        reply = client.post("/admin/login/?next=/admin/", {"username": user.email.upper(), "password": PASSWORD})
        assert (reply.status_code, reply["Location"]) == (302, "/admin/")

    outsider = make_user(None)
    reply = Client().post("/admin/login/", {"username": outsider.email, "password": PASSWORD})
    assert "Please enter the correct e-mail and password for a staff account." in reply.content.decode()


def test_an_admin_makes_a_user_with_a_role(company: Company, admin: User) -> None:
    response = signed_in(admin).post(f"{USERS}add/", new_user_form(company))

    user = User.objects.get(email="new@example.test")
    assert response.status_code == 302
    assert (user.full_name, user.is_superuser, user.roles_by_company) == ("New Person", False, {company.pk: "Finance"})
    assert not user.has_usable_password()
    assert user.change.actor == "admin@example.test"
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"email": "ADMIN@example.test"}, "email", "There is a user with this e-mail address already."),
        ({"email": "nobody"}, "email", "Enter a valid email address."),
        ({"role": "Owner"}, "role", "Select a valid choice."),
        ({"role": ""}, "role", "This field is required."),
    ],
)
def test_a_user_that_cannot_be_made_says_why(
    company: Company, admin: User, values: dict[str, str], field: str, sentence: str
) -> None:
    response = signed_in(admin).post(f"{USERS}add/", new_user_form(company, **values))

    assert sentence in str(response.context["adminform"].form.errors[field])
    assert User.objects.count() == 1


def test_an_admin_sees_and_manages_only_users_all_of_whose_companies_are_theirs(company: Company, admin: User) -> None:
    elsewhere = make_company()
    mine = make_user("Finance", company, email="mine@example.test")
    shared = add_role(make_user("Finance", company, email="shared@example.test"), elsewhere, "Viewer")
    foreign = make_user("Finance", elsewhere, email="foreign@example.test")
    nobodys = make_user(None, email="nobodys@example.test")
    client = signed_in(admin)

    page = client.get(USERS).content.decode()

    assert mine.email in page
    for hidden in (shared, foreign, nobodys):
        assert hidden.email not in page
        for address in ("change", "history", "password"):
            assert client.get(f"{USERS}{hidden.pk}/{address}/").status_code == 404
        assert client.post(f"{USERS}{hidden.pk}/change/", {"version": 1, "full_name": "X"}).status_code in (403, 404)
    assert not User.objects.filter(full_name="X").exists()
    assert shared.email not in client.get(ROLES).content.decode()


def test_being_admin_in_one_company_does_not_manage_the_users_of_another(company: Company, admin: User) -> None:
    other = make_company()
    add_role(admin, other, "Viewer")
    theirs = make_user("Finance", other)
    client = signed_in(User.objects.get(pk=admin.pk))

    made = client.post(f"{USERS}add/", new_user_form(other))

    assert client.get(f"{USERS}{theirs.pk}/change/").status_code == 404
    assert "Select a valid choice." in str(made.context["adminform"].form.errors["company"])
    assert not User.objects.filter(email="new@example.test").exists()


def test_a_user_is_renamed_and_deactivated(company: Company, admin: User) -> None:
    user = make_user("Finance", company)

    response = signed_in(admin).post(f"{USERS}{user.pk}/change/", {"version": 1, "full_name": "Thandi"})

    user.refresh_from_db()
    assert response.status_code == 302
    assert (user.full_name, user.is_active, user.version) == ("Thandi", False, 2)


def test_nobody_becomes_superuser_or_gets_another_address_through_the_form(company: Company, admin: User) -> None:
    sent = {"version": 1, "full_name": "A", "is_active": "on", "is_superuser": "on", "email": "other@example.test"}

    for client in (signed_in(admin), signed_in(superuser())):
        admin.refresh_from_db()
        client.post(f"{USERS}{admin.pk}/change/", sent | {"version": admin.version})

    admin.refresh_from_db()
    assert (admin.is_superuser, admin.email, admin.version) == (False, "admin@example.test", 3)


def test_an_admin_does_not_touch_a_superuser(company: Company, admin: User) -> None:
    root = superuser()
    grant_role(actor=SYSTEM, user=root, company=company, role="Viewer")
    role = Membership.objects.get(user=root)
    client = signed_in(admin)
    passwords = {"version": 1, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    assert client.post(f"{USERS}{root.pk}/change/", {"version": 1, "full_name": "X"}).status_code == 403
    assert client.post(f"{USERS}{root.pk}/password/", passwords).status_code == 403
    assert client.post(f"{ROLES}{role.pk}/change/", {"version": 1, "role": "Admin"}).status_code == 403
    assert client.post(f"{ROLES}{role.pk}/delete/", {"post": "yes"}).status_code == 403
    root.refresh_from_db()
    assert (root.full_name, root.version) == ("", 2)  # the role given above was a version


def test_auditors_see_users_and_change_nothing_and_others_do_not_see_them(company: Company, admin: User) -> None:
    auditor = signed_in(make_user("Auditor", company))

    assert "admin@example.test" in auditor.get(USERS).content.decode()
    assert auditor.get(f"{USERS}{admin.pk}/change/").status_code == 200
    assert auditor.post(f"{USERS}{admin.pk}/change/", {"version": 1, "full_name": "X"}).status_code == 403
    assert auditor.get(f"{USERS}{admin.pk}/password/").status_code == 403
    assert auditor.get(f"{USERS}add/").status_code == 403
    for role in ("Finance", "Viewer"):
        assert signed_in(make_user(role, company)).get(USERS).status_code == 403


def test_the_second_tab_is_told_what_changed(company: Company, admin: User) -> None:
    user = make_user("Finance", company, full_name="Old")
    update_user(actor=SYSTEM, user_id=user.pk, full_name="Theirs")

    response = signed_in(admin).post(
        f"{USERS}{user.pk}/change/", {"version": 1, "full_name": "Mine", "is_active": "on"}
    )

    form = response.context["adminform"].form
    assert response.context["news"][0].changes[0].values == (("fullName", "Old", "Theirs"),)
    assert (form["full_name"].value(), form["version"].value()) == ("Mine", "2")


def test_users_are_never_deleted(company: Company) -> None:
    user = make_user("Finance", company)

    assert signed_in(superuser()).post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=user.pk).exists()


def test_an_admin_gives_changes_and_takes_roles(company: Company, admin: User) -> None:
    second = make_company(name="Second")
    admin = add_role(admin, second, "Admin")
    user = make_user("Finance", company)
    client = signed_in(admin)

    given = client.post(f"{ROLES}add/", {"user": user.pk, "company": second.pk, "role": "Viewer"})
    role = Membership.objects.get(user=user, company=second)
    changed = client.post(f"{ROLES}{role.pk}/change/", {"version": 1, "role": "Auditor"})
    listed = client.get(f"{USERS}{user.pk}/change/").content.decode()
    taken = client.post(f"{ROLES}{role.pk}/delete/", {"post": "yes", "version": "2"})

    assert [reply.status_code for reply in (given, changed, taken)] == [302, 302, 302]
    assert "Auditor of Second" in listed
    assert User.objects.get(pk=user.pk).roles_by_company == {company.pk: "Finance"}
    actions = list(Change.objects.filter(actor=admin.email).order_by("id").values_list("action", flat=True))
    assert actions == ["role.granted", "role.granted", "role.revoked"]
    history = client.get(f"{USERS}{user.pk}/history/")
    assert history.context["groups"][0].entry.command == "role.revoked"


def test_nobody_gives_a_role_where_they_are_not_admin(company: Company, admin: User) -> None:
    foreign, read_only = make_company(), make_company()
    admin = add_role(admin, read_only, "Auditor")
    user = make_user("Finance", company)
    client = signed_in(admin)

    for elsewhere in (foreign, read_only):
        reply = client.post(f"{ROLES}add/", {"user": user.pk, "company": elsewhere.pk, "role": "Admin"})
        assert "Select a valid choice." in str(reply.context["adminform"].form.errors["company"])
    stranger = client.post(f"{ROLES}add/", {"user": make_user().pk, "company": company.pk, "role": "Viewer"})

    assert "Select a valid choice." in str(stranger.context["adminform"].form.errors["user"])
    assert User.objects.get(pk=user.pk).roles_by_company == {company.pk: "Finance"}


def test_a_second_role_in_one_company_is_refused(company: Company, admin: User) -> None:
    user = make_user("Finance", company, email="fin@example.test")

    reply = signed_in(admin).post(f"{ROLES}add/", {"user": user.pk, "company": company.pk, "role": "Admin"})

    expected = "fin@example.test is Finance of Acme already: change that role instead."
    assert expected in reply.context["adminform"].form.errors["company"]


def test_a_role_changed_meanwhile_is_not_overwritten(company: Company, admin: User) -> None:
    user = make_user("Viewer", company)
    role = Membership.objects.get(user=user)
    grant_role(actor=SYSTEM, user=user, company=company, role="Finance")
    client = signed_in(admin)

    changed = client.post(f"{ROLES}{role.pk}/change/", {"version": 1, "role": "Auditor"})
    taken = client.post(f"{ROLES}{role.pk}/delete/", {"post": "yes", "version": "1"}, follow=True)

    assert "system changed this at " in changed.content.decode()
    assert changed.context["adminform"].form["role"].value() == "Auditor"
    assert "Not deleted. system changed it meanwhile" in taken.content.decode()
    assert User.objects.get(pk=user.pk).roles == {"Finance"}


def test_the_services_of_roles_and_passwords_refuse_a_stale_version(company: Company) -> None:
    user = make_user("Viewer", company)
    grant_role(actor=SYSTEM, user=user, company=company, role="Finance", version=1)

    with pytest.raises(StaleVersion):
        grant_role(actor=SYSTEM, user=user, company=company, role="Admin", version=1)
    with pytest.raises(StaleVersion):
        revoke_role(actor=SYSTEM, user=user, company=company, version=1)
    with pytest.raises(StaleVersion):
        change_password(actor=SYSTEM, user=user, password=NEW_PASSWORD, version=7)

    assert User.objects.get(pk=user.pk).roles == {"Finance"}


def test_an_admin_sets_a_password_on_the_record(company: Company, admin: User) -> None:
    user = make_user("Finance", company)
    client = signed_in(admin)
    typed = {"version": 1, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    page = client.get(f"{USERS}{user.pk}/password/")
    response = client.post(f"{USERS}{user.pk}/password/", typed)
    second_click = client.post(f"{USERS}{user.pk}/password/", typed)

    user.refresh_from_db()
    entry = Change.objects.get(action="user.password_changed")
    assert page.status_code == 200
    assert response.status_code == 302
    assert user.check_password(NEW_PASSWORD)
    assert entry.actor == "admin@example.test"
    assert "admin@example.test changed this at " in second_click.content.decode()
    assert 'name="version" value="2"' in second_click.content.decode()
    assert NEW_PASSWORD not in second_click.content.decode()


def test_a_weak_or_mistyped_password_is_refused(company: Company, admin: User) -> None:
    user = make_user("Finance", company)
    client = signed_in(admin)

    weak = client.post(f"{USERS}{user.pk}/password/", {"version": 1, "password1": "password", "password2": "password"})
    mistyped = client.post(
        f"{USERS}{user.pk}/password/", {"version": 1, "password1": NEW_PASSWORD, "password2": PASSWORD}
    )

    assert "This password is too common." in weak.content.decode()
    assert "The two password fields didn" in mistyped.content.decode()
    user.refresh_from_db()
    assert user.version == 1


def test_ones_own_password_is_changed_on_the_record_and_the_session_goes_on(company: Company) -> None:
    user = make_user("Viewer", company, email="me@example.test")
    client = signed_in(user)
    typed = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    response = client.post("/admin/password_change/", typed, follow=True)

    user.refresh_from_db()
    assert response.redirect_chain == [("/admin/password_change/done/", 302)]
    assert user.check_password(NEW_PASSWORD)
    assert Change.objects.get(action="user.password_changed").actor == "me@example.test"
    assert client.get("/admin/").status_code == 200


def test_a_wrong_old_password_changes_nothing(company: Company) -> None:
    client = signed_in(make_user("Viewer", company))
    typed = {"old_password": "wrong", "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    response = client.post("/admin/password_change/", typed)

    assert "Your old password was entered incorrectly." in response.content.decode()
    assert not Change.objects.filter(action="user.password_changed").exists()


def test_no_list_is_filtered_by_password(company: Company, admin: User) -> None:
    client = signed_in(admin)

    assert client.get(f"{USERS}?password__startswith=argon").status_code == 400
    assert client.get(f"{ROLES}?user__password__startswith=argon").status_code == 400


def test_groups_are_not_edited() -> None:
    client = signed_in(superuser())

    assert client.get("/admin/auth/group/").status_code == 404


def test_a_full_name_is_trimmed_and_free_of_control_characters(company: Company, admin: User) -> None:
    user = make_user("Finance", company, full_name=" Thandi ")
    address = f"{USERS}{user.pk}/change/"

    refused = signed_in(admin).post(address, {"version": 1, "full_name": "a\x07b", "is_active": "on"})
    signed_in(admin).post(address, {"version": 1, "full_name": "  Thandi  Nkosi ", "is_active": "on"})

    assert user.full_name == "Thandi"
    assert "The character U+0007 is not possible" in str(refused.context["adminform"].form.errors["full_name"])
    user.refresh_from_db()
    assert user.full_name == "Thandi  Nkosi"


def test_the_last_active_admin_stays(company: Company, admin: User) -> None:
    # given: a second Admin who is not active
    idle = make_user("Admin", company)
    update_user(actor=SYSTEM, user_id=idle.pk, is_active=False)
    role = Membership.objects.get(user=admin)
    client = signed_in(admin)
    expected = "admin@example.test is the last active Admin of Acme: make somebody else Admin first."

    deactivated = client.post(f"{USERS}{admin.pk}/change/", {"version": 1, "full_name": "A"})
    demoted = client.post(f"{ROLES}{role.pk}/change/", {"version": 1, "role": "Viewer"})
    revoked = client.post(f"{ROLES}{role.pk}/delete/", {"post": "yes", "version": "1"}, follow=True)

    assert expected in deactivated.context["adminform"].form.errors["is_active"]
    assert expected in demoted.context["adminform"].form.errors["role"]
    assert f"Not deleted. {expected}" in revoked.content.decode()
    admin.refresh_from_db()
    assert (admin.is_active, admin.version, User.objects.get(pk=admin.pk).roles) == (True, 1, {"Admin"})


def test_an_admin_leaves_once_there_is_another(company: Company, admin: User) -> None:
    make_user("Admin", company)

    response = signed_in(admin).post(f"{USERS}{admin.pk}/change/", {"version": 1, "full_name": "A"})

    admin.refresh_from_db()
    assert (response.status_code, admin.is_active) == (302, False)


def test_an_admin_of_two_companies_stays_for_the_one_that_has_no_other(company: Company, admin: User) -> None:
    second = make_company(name="Second")
    make_user("Admin", company)
    add_role(admin, second, "Admin")

    with pytest.raises(LastAdmin, match="last active Admin of Second"):
        update_user(actor=SYSTEM, user_id=admin.pk, is_active=False)
    revoke_role(actor=SYSTEM, user=admin, company=company)

    assert User.objects.get(pk=admin.pk).roles_by_company == {second.pk: "Admin"}


def test_what_is_done_to_a_user_of_one_company_stands_in_its_journal(company: Company) -> None:
    user, shared = make_user("Finance", company), add_role(make_user("Finance", company), make_company(), "Viewer")

    for somebody in (user, shared):
        update_user(actor=SYSTEM, user_id=somebody.pk, full_name="Renamed")
        change_password(actor=SYSTEM, user=somebody, password=NEW_PASSWORD)

    entries = Change.objects.filter(action__in=["user.updated", "user.password_changed"]).order_by("id")
    assert [(entry.action, entry.company_id) for entry in entries] == [
        ("user.updated", company.pk),
        ("user.password_changed", company.pk),
        ("user.updated", None),
        ("user.password_changed", None),
    ]


def test_a_user_or_role_that_is_gone_is_not_found(company: Company) -> None:
    user = make_user("Finance", company)
    revoke_role(actor=SYSTEM, user=user, company=company)

    with pytest.raises(NotFound):
        revoke_role(actor=SYSTEM, user=user, company=company)
    with pytest.raises(NotFound):
        update_user(actor=SYSTEM, user_id=user.pk + 1000, full_name="X")
    with pytest.raises(NotFound):
        change_password(actor=SYSTEM, user=User(pk=user.pk + 1000, email="x@example.test"), password=NEW_PASSWORD)
