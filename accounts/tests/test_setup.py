import pytest
from django.core.management import CommandError, call_command

from accounts.management.commands import setup
from accounts.models import Membership, User
from accounts.tests.factories import PASSWORD, make_user
from audit.models import Change
from parties.models import Company
from parties.tests.factories import make_company

ARGUMENTS = {"company": "Karoo Wool", "currency": "ZAR", "admin": "Thandi@karoowool.example"}


@pytest.fixture(autouse=True)
def password_in_environment(monkeypatch):
    monkeypatch.setenv(setup.PASSWORD_VARIABLE, PASSWORD)


def run(**options):
    call_command("setup", **ARGUMENTS | options)


def typed(monkeypatch, *answers):
    monkeypatch.delenv(setup.PASSWORD_VARIABLE)
    remaining = list(answers)
    monkeypatch.setattr(setup.getpass, "getpass", lambda prompt: remaining.pop(0))


@pytest.mark.django_db
def test_the_first_company_and_its_admin(capsys):
    run(time_zone="Africa/Johannesburg", vat_number="4123456789", vat_rate="0.15", country="za")

    company = Company.objects.get()
    assert (company.name, company.currency, company.time_zone) == ("Karoo Wool", "ZAR", "Africa/Johannesburg")
    assert (company.vat_number, str(company.default_vat_rate), company.country_code) == ("4123456789", "0.1500", "ZA")
    user = User.objects.get()
    assert user.email == "thandi@karoowool.example"
    assert user.check_password(PASSWORD)
    assert not user.is_superuser
    assert user.is_staff
    assert Membership.objects.get().role == "Admin"
    assert set(Change.objects.values_list("actor", "action")) == {
        ("system:setup", "company.created"),
        ("system:setup", "user.created"),
    }
    assert "thandi@karoowool.example" in capsys.readouterr().out


@pytest.mark.django_db
def test_a_company_without_vat_is_told_so(capsys):
    run(currency="eur")

    assert Company.objects.get().currency == "EUR"
    assert "no VAT" in capsys.readouterr().out


@pytest.mark.django_db
def test_the_password_is_asked_for_twice(monkeypatch):
    typed(monkeypatch, "a-fine-long-secret", "a-fine-long-secret")

    run()

    assert User.objects.get().check_password("a-fine-long-secret")


@pytest.mark.django_db
def test_two_different_passwords_are_refused(monkeypatch):
    typed(monkeypatch, "a-fine-long-secret", "another-long-secret")

    with pytest.raises(CommandError, match="differ"):
        run()

    assert not Company.objects.exists()


@pytest.mark.django_db
def test_nobody_to_answer_is_refused(monkeypatch):
    def closed(prompt):
        raise EOFError

    monkeypatch.delenv(setup.PASSWORD_VARIABLE)
    monkeypatch.setattr(setup.getpass, "getpass", closed)

    with pytest.raises(CommandError, match="No password given"):
        run()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"admin": "thandi"}, "e-mail"),
        ({"currency": "RAND"}, "ISO 4217"),
        ({"time_zone": "Johannesburg"}, "time zone"),
        ({"vat_rate": "15"}, "fraction"),
        ({"vat_rate": "a lot"}, "decimal number"),
        ({"company": "  "}, "name is needed"),
        ({"country": "Z1"}, "two letters"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(wrong, message):
    with pytest.raises(CommandError, match=message):
        run(**wrong)

    assert not Company.objects.exists()
    assert not User.objects.exists()
    assert not Change.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["", "short", "password123", "12345678901234"])
def test_a_weak_password_is_refused(monkeypatch, password):
    monkeypatch.setenv(setup.PASSWORD_VARIABLE, password)

    with pytest.raises(CommandError, match="password"):
        run()

    assert not Company.objects.exists()


@pytest.mark.django_db
def test_an_installation_with_a_company_is_left_alone():
    make_company(name="Here before")

    with pytest.raises(CommandError, match="There is a company already"):
        run()

    assert Company.objects.get().name == "Here before"
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_taken_address_undoes_the_company_too():
    make_user(role=None, email="thandi@karoowool.example")

    with pytest.raises(CommandError, match="already"):
        run()

    assert not Company.objects.exists()
