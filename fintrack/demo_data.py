"""Whom the demo bills for what: invented names and numbers, likely prices. No ORM."""

import unicodedata
from dataclasses import dataclass

STANDARD = "0.15"
ZERO_RATED = "0"


@dataclass(frozen=True)
class Buyer:
    """A customer of the demo. `days` is their term of payment, `late` how many days over it they tend to be."""

    name: str
    contact: str
    phone: str
    street: str
    suburb: str
    city: str
    postal_code: str
    vat_number: str = ""
    country: str = "ZA"
    days: int = 30
    late: int = 0

    @property
    def email(self) -> str:
        """An address that can reach nobody."""
        return f"{self.contact}@{self.domain}.example"

    @property
    def domain(self) -> str:
        """The name in the letters that addresses have."""
        plain = unicodedata.normalize("NFKD", self.name.split(" (")[0].lower())
        return "".join(letter for letter in plain if letter.isascii() and letter.isalnum())


@dataclass(frozen=True)
class Offer:
    """Something that the demo sells: unit prices in whole steps from `lowest` to `highest`, VAT not included."""

    description: str
    lowest: int
    highest: int
    step: int
    quantities: tuple[str, ...]
    vat_rate: str = STANDARD


DEMO_COMPANY = {
    "name": "Demo Trading",
    "currency": "ZAR",
    "time_zone": "Africa/Johannesburg",
    "vat_number": "4680274135",
    "registration_number": "2017/204118/07",
    "default_vat_rate": STANDARD,
    "email": "accounts@demotrading.example",
    "phone": "+27 11 555 0100",
    "address_line_1": "14 Jan Smuts Avenue",
    "address_line_2": "Braamfontein",
    "city": "Johannesburg",
    "postal_code": "2001",
    "country_code": "ZA",
}
OTHER_COMPANY = {
    "name": "Other Company",
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "vat_number": "DE811907980",
    "default_vat_rate": "0.19",
    "email": "buchhaltung@othercompany.example",
    "phone": "+49 30 5550100",
    "address_line_1": "Torstraße 88",
    "city": "Berlin",
    "postal_code": "10119",
    "country_code": "DE",
}

BUYERS = (
    Buyer(
        "Karoo Wool Co-operative",
        "accounts",
        "+27 49 555 0112",
        "7 Church Street",
        "",
        "Graaff-Reinet",
        "6280",
        "4120385567",
        days=30,
        late=4,
    ),
    Buyer(
        "Ndlovu & Sons Construction (Pty) Ltd",
        "finance",
        "+27 11 555 0147",
        "212 Main Reef Road",
        "Industria",
        "Johannesburg",
        "2093",
        "4390166204",
        days=30,
        late=21,
    ),
    Buyer(
        "Table Bay Seafood Exporters",
        "creditors",
        "+27 21 555 0163",
        "3 Duncan Road",
        "Foreshore",
        "Cape Town",
        "8001",
        "4570229813",
        days=30,
    ),
    Buyer(
        "Umhlanga Family Practice",
        "reception",
        "+27 31 555 0128",
        "45 Lighthouse Road",
        "Umhlanga Rocks",
        "Durban",
        "4319",
        "4860117742",
        days=14,
    ),
    Buyer(
        "Van der Merwe Attorneys",
        "accounts",
        "+27 12 555 0175",
        "301 Brooklyn Road",
        "Brooklyn",
        "Pretoria",
        "0181",
        "4230498816",
        days=14,
        late=2,
    ),
    Buyer(
        "Stellenbosch Vineyards Estate",
        "accounts",
        "+27 21 555 0139",
        "R310 Baden Powell Drive",
        "Lynedoch",
        "Stellenbosch",
        "7603",
        "4710336628",
        days=30,
    ),
    Buyer(
        "Mokoena Logistics CC",
        "payments",
        "+27 51 555 0154",
        "18 Nelson Mandela Drive",
        "Westdene",
        "Bloemfontein",
        "9301",
        "4150772239",
        days=30,
        late=14,
    ),
    Buyer(
        "Pillay's Spice Emporium",
        "orders",
        "+27 31 555 0181",
        "126 Grey Street",
        "Central",
        "Durban",
        "4001",
        "4640918257",
        days=7,
    ),
    Buyer(
        "Soweto Bright Futures Trust",
        "admin",
        "+27 11 555 0119",
        "8115 Vilakazi Street",
        "Orlando West",
        "Soweto",
        "1804",
        days=30,
    ),
    Buyer(
        "Highveld Engineering Supplies (Pty) Ltd",
        "creditors",
        "+27 13 555 0166",
        "9 Mandela Street",
        "Klipfontein",
        "eMalahleni",
        "1035",
        "4480253391",
        days=60,
        late=8,
    ),
    Buyer(
        "Bokaap Coffee Roasters",
        "hello",
        "+27 21 555 0190",
        "71 Rose Street",
        "Bo-Kaap",
        "Cape Town",
        "8001",
        "4900145586",
        days=14,
    ),
    Buyer(
        "Garden Route Guesthouse Group",
        "finance",
        "+27 44 555 0133",
        "22 Knysna Road",
        "Heather Park",
        "George",
        "6529",
        "4260831174",
        days=30,
        late=6,
    ),
    Buyer(
        "Dlamini Dental Studio",
        "practice",
        "+27 33 555 0171",
        "5 Victoria Road",
        "Scottsville",
        "Pietermaritzburg",
        "3201",
        days=14,
    ),
    Buyer(
        "Limpopo Citrus Growers",
        "accounts",
        "+27 15 555 0148",
        "Farm Letaba 523",
        "",
        "Tzaneen",
        "0850",
        "4550687713",
        days=30,
    ),
    Buyer(
        "Algoa Motor Spares",
        "parts",
        "+27 41 555 0157",
        "64 Kempston Road",
        "Sidwell",
        "Gqeberha",
        "6001",
        "4330259948",
        days=30,
        late=30,
    ),
    Buyer(
        "Rosebank Creative Studio",
        "studio",
        "+27 11 555 0122",
        "19 Biermann Avenue",
        "Rosebank",
        "Johannesburg",
        "2196",
        "4770384412",
        days=14,
        late=3,
    ),
    Buyer(
        "Khumalo Catering & Events",
        "bookings",
        "+27 11 555 0186",
        "33 Katherine Street",
        "Sandown",
        "Sandton",
        "2031",
        days=7,
        late=5,
    ),
    Buyer(
        "Northern Cape Solar (Pty) Ltd",
        "finance",
        "+27 54 555 0144",
        "2 Schröder Street",
        "",
        "Upington",
        "8801",
        "4820596630",
        days=30,
    ),
    Buyer(
        "Naidoo Property Management",
        "accounts",
        "+27 31 555 0168",
        "410 Musgrave Road",
        "Berea",
        "Durban",
        "4001",
        "4190743325",
        days=30,
    ),
    Buyer(
        "Windhoek Safari Outfitters",
        "office",
        "+264 61 555 017",
        "88 Independence Avenue",
        "Klein Windhoek",
        "Windhoek",
        "10005",
        country="NA",
        days=30,
    ),
)

OTHER_BUYERS = (
    Buyer(
        "Müller Maschinenbau GmbH",
        "rechnung",
        "+49 711 5550100",
        "Hauptstraße 12",
        "",
        "Stuttgart",
        "70173",
        "DE129273398",
        country="DE",
    ),
    Buyer(
        "Café Schönhauser",
        "info",
        "+49 30 5550177",
        "Schönhauser Allee 40",
        "",
        "Berlin",
        "10435",
        country="DE",
        days=14,
    ),
)

OFFERS = (
    Offer("IT support, monthly retainer", 4500, 9500, 500, ("1",)),
    Offer("On-site technician, per hour", 650, 850, 50, ("1", "1.5", "2", "3.5", "4", "7.5")),
    Offer("Network cabling, per point", 780, 950, 10, ("4", "6", "8", "12", "16", "24")),
    Offer("Business laptop, 14 inch", 15499, 21999, 500, ("1", "2", "3", "5")),
    Offer("27 inch monitor", 3799, 5299, 250, ("1", "2", "4", "6")),
    Offer("Wireless access point, installed", 2950, 3650, 100, ("1", "2", "3", "4")),
    Offer("Laser printer toner, black", 1249, 1649, 50, ("1", "2", "4")),
    Offer("Copy paper A4, box of 5 reams", 389, 449, 10, ("2", "5", "10", "20")),
    Offer("Ergonomic office chair", 2499, 3899, 100, ("1", "2", "4", "8")),
    Offer("Height-adjustable desk", 6950, 8950, 500, ("1", "2", "3")),
    Offer("Cloud backup, per user and month", 95, 145, 5, ("5", "10", "18", "25", "40")),
    Offer("Website maintenance, monthly", 1800, 3200, 100, ("1",)),
    Offer("Bookkeeping software, yearly licence", 4200, 6800, 200, ("1", "2", "3")),
    Offer("Staff training, half a day", 5500, 7500, 500, ("1", "2")),
    Offer("Delivery within the metro", 180, 420, 20, ("1",)),
    Offer("UPS 1500 VA", 3299, 4299, 100, ("1", "2", "3")),
)
PANTRY = (
    Offer("Fruit box for the office, per week", 345, 495, 10, ("1", "2", "4"), ZERO_RATED),
    Offer("Full-cream milk, 6 x 1 litre", 109, 129, 5, ("1", "2", "4", "6"), ZERO_RATED),
    Offer("Brown bread, loaf", 17, 21, 1, ("10", "12", "20"), ZERO_RATED),
    Offer("Eggs, tray of 30", 79, 99, 5, ("1", "2", "3"), ZERO_RATED),
)
CENTS = ("0.00", "0.00", "0.00", "0.50", "0.90", "0.95")
